"""Users: how each account is, its keys without what proves them, and what happened to it.

Personal text stays sealed here too. An event's `version` is its place in the account's story; a
repeated event has a version that the row has passed already, and changes nothing.
"""

from __future__ import annotations

import polars as pl

from projections.projection import Projection, Source
from projections.stories import story
from schemas.catalogue import IDENTITY_EVENTS
from schemas.sql import beside

_STRANGERS = ["LoginFailed", "LockedOut"]  # whose doing these are nobody knows


def fold_events(events: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The trail's new events, what each says of its account (null is "nothing said"), and what is
    said of keys.

    Which events are news to an account's row is for the row to say: a repeated event may stand
    behind a newer one.
    """
    told = events.unique(["user_id", "version"], keep="first").sort("user_id", "version")
    actor = pl.when(~pl.col("_type").is_in(_STRANGERS)).then(pl.coalesce("by", "user_id"))
    trail = story(told, "user_id", leave_out=("by",))
    return {
        "events": trail.with_columns(told.select(actor=actor)),
        "users": told.select("user_id", "version", **_said()),
        "issued": _of_keys(told, "KeyIssued", "name", "scopes", "tier"),
        "revoked": _of_keys(told, "KeyRevoked"),
    }


def _said() -> dict[str, pl.Expr]:
    """Columns of the account's row, by name; null where an event says nothing of it."""
    kind, at = pl.col("_type"), pl.col("occurred_at")

    def of(which: str, column: str) -> pl.Expr:
        return pl.when(kind == which).then(pl.col(column))

    def turned(on: str, off: str) -> pl.Expr:
        return pl.when(kind.is_in([on, off])).then(kind == on)

    return {
        "email": of("UserRegistered", "email"),
        "name": of("UserRegistered", "name"),
        "role": pl.when(kind.is_in(["UserRegistered", "RoleChanged"])).then(pl.col("role")),
        "tier": of("TierChanged", "tier"),
        "verified": pl.when(kind == "EmailVerified").then(pl.lit(True)),
        "suspended": turned("Suspended", "Reinstated"),
        "two_factor": turned("TwoFactorEnabled", "TwoFactorDisabled"),
        "provider": of("LinkedToProvider", "provider"),
        # A login or a new password lifts a lock.
        "locked_until": pl.when(kind == "LockedOut")
        .then(pl.col("until"))
        .when(kind.is_in(["LoggedIn", "PasswordChanged"]))
        .then(at),
        "created_at": of("UserRegistered", "occurred_at"),
        "last_login_at": of("LoggedIn", "occurred_at"),
        "forgotten_at": of("AccountForgotten", "occurred_at"),
        "updated_at": at,
    }


def _of_keys(told: pl.DataFrame, kind: str, *columns: str) -> pl.DataFrame:
    """What events of that kind say of keys."""
    return told.filter(pl.col("_type") == kind).select(
        "user_id", "key_id", "version", *columns, "by", at="occurred_at"
    )


USERS = Projection(
    name="users",
    version=1,
    statements=beside(__file__),
    sources=(
        Source(
            IDENTITY_EVENTS,
            None,
            fold_events,
            (
                "upsert_events",
                "insert_users",
                "update_users",
                "insert_keys",
                "revoke_keys",
                "drop_keys",
            ),
        ),
    ),
)
