"""The rules of an account, one by one."""

from __future__ import annotations

import datetime as dt

import pytest

from streams.identity.account import MOST_KEYS
from streams.identity.commands import (
    ChangePassword,
    DisableTwoFactor,
    EnableTwoFactor,
    EndSession,
    EndSessions,
    FailLogin,
    Forget,
    IssueKey,
    LinkProvider,
    LogIn,
    MakeBackupCodes,
    Register,
    Reinstate,
    RevokeKey,
    SetRole,
    SetTier,
    Suspend,
    VerifyEmail,
)
from streams.identity.events import (
    AccountForgotten,
    BackupCodesMade,
    EmailVerified,
    KeyIssued,
    KeyRevoked,
    LinkedToProvider,
    LockedOut,
    LoggedIn,
    LoginFailed,
    PasswordChanged,
    Reinstated,
    RoleChanged,
    SessionEnded,
    SessionsEnded,
    Suspended,
    TierChanged,
    TwoFactorDisabled,
    TwoFactorEnabled,
    UserRegistered,
)
from streams.identity.locks import LONGEST, MOST_FAILURES
from streams.identity.roles import Role
from streams.identity.state import Status
from streams.identity.tiers import Tier
from tests.unit.identity.stories import NOW, USER, Story, later, logged_in, registered

ADMIN = "usr_admin"


def key(key_id: str = "k1", *scopes: str, tier: Tier | None = None) -> IssueKey:
    return IssueKey(NOW, key_id, "~name", frozenset(scopes or ("read:projection",)), tier, ADMIN)


def fail(story: Story, times: int, at: dt.datetime = NOW) -> list[object]:
    return [event for _ in range(times) for event in story.decide(FailLogin(at, "password"))]


def test_an_account_is_registered_once_and_verified_once() -> None:
    story = Story()
    assert story.decide(Register(NOW, "~e", "~n")) == [UserRegistered("~e", "~n", Role.USER)]
    assert story.refused(Register(NOW, "~e")) == "exists"
    assert story.refused(LogIn(NOW, "s", "password")) == "unverified"
    assert story.decide(VerifyEmail(NOW)) == [EmailVerified()]
    assert story.decide(VerifyEmail(NOW)) == []


def test_whoever_is_made_by_an_admin_or_comes_through_a_provider_is_verified() -> None:
    story = Story()
    made = story.decide(Register(NOW, "~e", None, Role.ADMIN, True, "google", "installation"))
    assert made == [
        UserRegistered("~e", None, Role.ADMIN, "installation"),
        EmailVerified(),
        LinkedToProvider("google"),
    ]
    assert story.state.verified and story.state.providers == {"google"}


def test_nothing_can_be_asked_of_nobody() -> None:
    for command in (VerifyEmail(NOW), FailLogin(NOW, "code"), Forget(NOW), key()):
        assert Story().refused(command) == "unknown"


def test_an_installation_may_let_in_whoever_is_not_verified_but_gives_no_key() -> None:
    story = Story()
    story.decide(Register(NOW, "~e"))
    assert story.decide(LogIn(NOW, "s", "password", verified_only=False))
    assert story.refused(key()) == "unverified"
    assert story.refused(EnableTwoFactor(NOW, 10)) == "unverified"


def test_a_session_ends_once() -> None:
    story = logged_in()
    assert story.refused(LogIn(NOW, "s1", "password")) == "exists"
    ended = story.decide(EndSession(NOW, "s1", "logout"))
    assert ended == [SessionEnded("s1", "logout")]
    for again in (EndSession(NOW, "s1", "reuse"), EndSessions(NOW), EndSession(NOW, "s2", "reuse")):
        assert story.decide(again) == []


def test_a_login_ends_the_sessions_whose_time_is_over() -> None:
    story = logged_in()
    made = story.decide(LogIn(NOW, "s2", "password", ("s1", "s1", "never")))
    assert made == [SessionEnded("s1", "expired"), LoggedIn("s2", "password")]


def test_the_fifth_failure_locks_and_each_lock_is_twice_as_long() -> None:
    story, at, minutes = registered(), NOW, []
    for _ in range(9):
        made = fail(story, MOST_FAILURES, at)
        assert made[:-1] == [LoginFailed("password")] * MOST_FAILURES
        locked = made[-1]
        assert isinstance(locked, LockedOut)
        assert story.decide(FailLogin(at, "code")) == []  # nothing is tried
        assert story.refused(LogIn(at, "s", "password")) == "locked"
        assert story.refused(LogIn(locked.until - dt.timedelta(seconds=1), "s", "oidc")) == "locked"
        minutes.append((locked.until - at) / dt.timedelta(minutes=1))
        at = locked.until
    day = LONGEST / dt.timedelta(minutes=1)
    assert minutes == [15, 30, 60, 120, 240, 480, 960, day, day]
    assert story.decide(LogIn(at, "s", "password")) == [LoggedIn("s", "password")]
    assert story.state.lock.locks == 0


def test_after_two_quiet_days_a_lock_is_a_first_one_again() -> None:
    story = registered()
    fail(story, MOST_FAILURES)
    fail(story, MOST_FAILURES, later(minutes=15))
    at = later(days=3)
    assert fail(story, MOST_FAILURES, at)[-1] == LockedOut(at + dt.timedelta(minutes=15), 1)


def test_a_success_forgives_earlier_failures() -> None:
    story = registered()
    fail(story, MOST_FAILURES - 1)
    story.decide(LogIn(NOW, "s", "password"))
    assert fail(story, MOST_FAILURES - 1) == [LoginFailed("password")] * (MOST_FAILURES - 1)


def test_a_reset_verifies_lifts_a_lock_and_ends_every_session() -> None:
    story = Story()
    story.decide(Register(NOW, "~e"), LogIn(NOW, "s", "password", verified_only=False))
    fail(story, MOST_FAILURES)
    made = story.decide(ChangePassword(NOW, "reset"))
    assert made == [EmailVerified(), PasswordChanged("reset"), SessionsEnded("password")]
    assert story.decide(LogIn(NOW, "s2", "password"))
    assert story.decide(ChangePassword(NOW, "changed"))[-1] == SessionsEnded("password")
    assert story.decide(ChangePassword(NOW, "changed")) == [PasswordChanged("changed")]


def test_a_password_alone_is_not_enough_while_a_second_factor_is_on() -> None:
    story = registered()
    for command in (DisableTwoFactor(NOW), MakeBackupCodes(NOW, 10)):
        assert story.refused(command) == "two_factor_off"
    assert story.decide(EnableTwoFactor(NOW, 10)) == [TwoFactorEnabled(), BackupCodesMade(10)]
    assert story.refused(EnableTwoFactor(NOW, 10)) == "two_factor_on"
    assert story.refused(LogIn(NOW, "s", "password")) == "two_factor"
    assert story.decide(LogIn(NOW, "s", "totp")) == [LoggedIn("s", "totp")]
    assert story.decide(MakeBackupCodes(NOW, 8)) == [BackupCodesMade(8)]
    assert story.decide(DisableTwoFactor(NOW)) == [TwoFactorDisabled()]
    assert story.decide(LogIn(NOW, "s2", "password"))


def test_a_provider_that_vouches_takes_a_password_away_that_nobody_verified() -> None:
    story = Story()
    story.decide(Register(NOW, "~e"), LogIn(NOW, "s", "password", verified_only=False))
    assert story.decide(LinkProvider(NOW, "google", vouched=True)) == [
        EmailVerified(),
        PasswordChanged("removed"),
        SessionsEnded("password"),
        LinkedToProvider("google"),
    ]
    for vouched in (True, False):
        assert story.refused(LinkProvider(NOW, "google", vouched=vouched)) == "linked"


def test_an_account_with_a_second_factor_is_joined_by_its_user_only() -> None:
    story = registered()
    story.decide(EnableTwoFactor(NOW, 10))
    assert story.refused(LinkProvider(NOW, "google", vouched=True)) == "two_factor"
    made = story.decide(LinkProvider(NOW, "google", vouched=False))
    assert made == [LinkedToProvider("google")]


def test_another_role_ends_every_session() -> None:
    story = logged_in()
    made = story.decide(SetRole(NOW, USER, Role.CREATOR, ADMIN))
    assert made == [RoleChanged(Role.CREATOR, ADMIN), SessionsEnded("role")]
    assert story.decide(SetRole(NOW, USER, Role.CREATOR, ADMIN)) == []
    assert story.decide(SetTier(NOW, Tier.PRO, ADMIN)) == [TierChanged(Tier.PRO, ADMIN)]
    assert story.decide(SetTier(NOW, Tier.PRO, ADMIN)) == []


def test_nobody_changes_or_suspends_himself() -> None:
    story = registered(Role.ADMIN)
    assert story.refused(SetRole(NOW, USER, Role.USER, USER)) == "own_account"
    assert story.refused(Suspend(NOW, USER, "~r", USER)) == "own_account"


def test_a_suspended_user_is_out_until_reinstated() -> None:
    story = logged_in()
    assert story.decide(Reinstate(NOW, ADMIN)) == []
    made = story.decide(Suspend(NOW, USER, "~r", ADMIN))
    assert made == [Suspended("~r", ADMIN), SessionsEnded("suspended")]
    assert story.decide(Suspend(NOW, USER, "~r", ADMIN)) == []
    assert story.refused(LogIn(NOW, "s2", "password")) == "suspended"
    assert story.refused(key()) == "suspended"
    assert story.decide(Reinstate(NOW, ADMIN)) == [Reinstated(ADMIN)]
    assert story.decide(LogIn(NOW, "s2", "password"))


@pytest.mark.parametrize(
    ("role", "scopes", "code"),
    [
        (Role.USER, ("publish:engagement.events.v1",), "scope_above_role"),
        (Role.CREATOR, ("publish:*", "admin"), "scope_above_role"),
        (Role.MODERATOR, ("admin",), "scope_above_role"),
        (Role.ADMIN, ("admin", "publish:*", "read:projection"), None),
        (Role.CREATOR, ("publish:*",), None),
        (Role.USER, ("read:projection",), None),
    ],
)
def test_a_key_never_exceeds_its_owner_s_role(
    role: Role, scopes: tuple[str, ...], code: str | None
) -> None:
    story = registered(role)
    if code is not None:
        assert story.refused(key("k1", *scopes)) == code
    else:
        made = story.decide(key("k1", *scopes))
        assert made == [KeyIssued("k1", "~name", tuple(sorted(scopes)), None, ADMIN)]


def test_a_key_s_tier_is_at_most_its_owner_s() -> None:
    story = registered()
    assert story.refused(key(tier=Tier.PRO)) == "tier_above_owner"
    story.decide(SetTier(NOW, Tier.ENTERPRISE, ADMIN))
    assert story.decide(key(tier=Tier.PRO))


def test_keys_are_counted_while_they_are_good_and_revoked_once() -> None:
    story = registered()
    for number in range(MOST_KEYS):
        story.decide(key(f"k{number}"))
    assert story.refused(key("more")) == "too_many_keys"
    assert story.decide(RevokeKey(NOW, "k3", ADMIN)) == [KeyRevoked("k3", ADMIN)]
    assert story.decide(RevokeKey(NOW, "k3", ADMIN)) == []
    assert story.refused(RevokeKey(NOW, "nobody's", ADMIN)) == "unknown_key"
    assert story.decide(key("more"))


def test_nothing_follows_once_a_person_was_forgotten() -> None:
    story = logged_in()
    assert story.decide(Forget(NOW, ADMIN)) == [AccountForgotten(ADMIN)]
    assert story.state.status is Status.FORGOTTEN
    assert story.state.email == ""
    assert story.decide(Forget(NOW)) == []
    assert story.refused(LogIn(NOW, "s2", "password")) == "unknown"
    assert story.refused(Register(NOW, "~e")) == "exists"
