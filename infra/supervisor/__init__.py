"""Starts a stack, keeps it running, says how it is, and stops it."""

from infra.supervisor.supervisor import Supervisor
from infra.supervisor.unit import Event

__all__ = ["Event", "Supervisor"]
