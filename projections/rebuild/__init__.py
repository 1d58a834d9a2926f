"""Folding a projection anew beside the tables that serve, and changing them over."""

from __future__ import annotations

from projections.rebuild.rebuild import Rebuilt, Surroundings, as_of, rebuild

__all__ = ["Rebuilt", "Surroundings", "as_of", "rebuild"]
