"""The tables of users are what the stories say."""

from __future__ import annotations

from typing import Any

from projections.users import USERS
from schemas.catalogue import IDENTITY_EVENTS
from streams.decisions.publishing import event_of
from tests.integration.projections.tables import content
from tests.integration.projections.test_contract import Piece, apply, tables_of
from tests.unit.identity.stories import USER, later, recorded, whole_life
from tests.unit.projections.frames import frame


def told_at(**time: float) -> str:
    return later(**time).isoformat()


def folded(dsn: str, count: int) -> dict[str, list[dict[str, Any]]]:
    """The tables after so many events of a life."""
    told = [event_of(IDENTITY_EVENTS, row) for row in recorded(whole_life().events)][:count]
    events = frame(IDENTITY_EVENTS, told)
    with tables_of(dsn, USERS, f"after_{count}") as store:
        apply(store, USERS.sources[0], Piece(0, events, {}, events.height), 0, events.height)
        return content(dsn, f"after_{count}")


def test_an_account_its_keys_and_its_trail_are_rows(tables: str) -> None:
    kinds = [type(event).__name__ for event in whole_life().events]
    end = kinds.index("Suspended") + 1
    found = folded(tables, end)
    [user] = found["users"]
    assert (
        user
        == {
            "user_id": USER,
            "version": end,
            "email": "~e",
            "name": "~n",
            "role": "creator",
            "tier": "pro",
            "verified": True,
            "suspended": True,
            "two_factor": False,
            "providers": ["google"],
            "locked_until": user["last_login_at"],  # a login lifts a lock
            "created_at": told_at(hours=0),
            "last_login_at": told_at(
                hours=len(kinds[:end]) - 1 - kinds[:end][::-1].index("LoggedIn")
            ),
            "forgotten_at": None,
            "updated_at": told_at(hours=end - 1),
        }
    )
    [key] = found["api_keys"]
    assert (key["scopes"], key["tier"], key["issued_by"]) == (["publish:*"], "free", USER)
    assert key["revoked_at"] == told_at(hours=kinds.index("KeyRevoked"))
    trail = sorted(found["identity_events"], key=lambda row: int(row["version"]))
    assert [row["type"] for row in trail] == kinds[:end]
    by = {row["type"]: row["actor"] for row in trail}
    assert (by["LoginFailed"], by["LockedOut"]) == (None, None)  # nobody knows who that was
    assert (by["LoggedIn"], by["RoleChanged"], by["Suspended"]) == (
        USER,
        "installation",
        "usr_admin",
    )
    assert trail[-1]["body"] == {"reason": "~r"}


def test_a_lock_stands_until_it_is_lifted(tables: str) -> None:
    kinds = [type(event).__name__ for event in whole_life().events]
    [user] = folded(tables, kinds.index("LockedOut") + 1)["users"]
    assert user["locked_until"] == told_at(minutes=15)


def test_of_somebody_forgotten_only_the_trail_stays(tables: str) -> None:
    found = folded(tables, len(whole_life().events))
    [user] = found["users"]
    assert (user["email"], user["name"]) == (None, None)
    assert user["forgotten_at"] == user["updated_at"]
    assert found["api_keys"] == []
    assert len(found["identity_events"]) == user["version"]
