"""A stack in the foreground: its supervisor, and what it says to the user."""

from __future__ import annotations

from infra.cli.common import say, show_once
from infra.first_account import Beginning
from infra.processes import processes
from infra.provision import provision
from infra.settings import Settings
from infra.supervisor import Event, Supervisor


def make_supervisor(settings: Settings) -> Supervisor:
    """A supervisor of everything, which tells the user what it does."""

    begin = Beginning(settings, provision)

    def begun(resolved: Settings) -> None:
        begin(resolved)
        show_once(begin.account)

    return Supervisor(settings, processes(settings), begun, on_event=tell)


def tell(event: Event) -> None:
    """An event of the supervisor as a line."""
    facts = event.facts
    match event.what:
        case "ready":
            port = f", port {facts['port']}" if facts.get("port") else ""
            say(f"  {event.name}: ready after {facts.get('seconds')} s{port}")
        case "provisioned":
            say(f"  topics and schemas: ready after {facts.get('seconds')} s")
        case "died":
            say(f"  {event.name}: died with exit code {facts.get('exit_code')}; starting it again")
        case "restarted":
            say(f"  {event.name}: started again, pid {facts.get('pid')}")
