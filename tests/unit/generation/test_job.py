from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.decisions.decider import Refused, fold
from streams.generation.jobs.events import (
    ArtifactsExpired,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    Completed,
    Failed,
    JobEvent,
    JobQueued,
    Progressed,
    RetryScheduled,
    Snoozed,
    Submitted,
)
from streams.generation.jobs.job import (
    JOBS,
    RETRY_AFTER_CAP,
    RETRY_CAP,
    SNOOZE_MOST,
    Job,
    RemoteWork,
    Status,
    retry_delay,
    seed_of,
    snooze_delay,
)
from streams.generation.jobs.job_commands import (
    Cancel,
    Complete,
    ExpireArtifacts,
    FailAttempt,
    JobCommand,
    LoseAttempt,
    Queue,
    ReportProgress,
    ReportSubmitted,
    Snooze,
    StartAttempt,
)
from tests.unit.generation.requests import NOW, queued

ENDS = (Completed, Failed, Cancelled)


def start(token: str = "t1", provider: str = "local") -> StartAttempt:
    return StartAttempt(NOW, provider, "procedural-1", token, "worker")


def complete(token: str = "t1") -> Complete:
    return Complete(NOW, token, "a.mp4", "a.jpg", 10, "ff", 4.0, 1.0)


def after(*commands: JobCommand) -> tuple[Job, list[JobEvent]]:
    """The state and the story after those commands, refused ones left out."""
    state = JOBS.initial
    story: list[JobEvent] = []
    for command in commands:
        try:
            events = JOBS.decide(state, command)
        except Refused:
            continue
        state, story = fold(JOBS, events, state), story + events
    return state, story


tokens = st.sampled_from(["t1", "t2", "t3"])
seeds = st.integers(0, 2**32)
commands = st.one_of(
    st.builds(Queue, st.just(NOW), st.builds(queued, max_retries=st.integers(0, 3))),
    tokens.map(start),
    st.builds(ReportSubmitted, st.just(NOW), tokens, st.sampled_from(["r1", "r2"])),
    st.builds(ReportProgress, st.just(NOW), tokens, st.floats(-5, 150), st.just("s")),
    tokens.map(complete),
    st.builds(
        FailAttempt,
        *(st.just(NOW), st.none() | tokens, st.just("no"), st.booleans(), seeds),
        st.none() | st.floats(0, 1e9),
        st.booleans(),
    ),
    st.builds(Snooze, st.just(NOW), st.none() | tokens, st.floats(-5, 1e6), st.just("no room now")),
    st.builds(LoseAttempt, st.just(NOW), st.integers(0, 4), st.just("gone"), st.booleans()),
    st.builds(Cancel, st.just(NOW), st.just("enough")),
    st.builds(ExpireArtifacts, st.just(NOW), st.just(30.0)),
)


@given(st.lists(commands, max_size=40))
def test_no_sequence_of_commands_gives_a_story_two_ends(given: list[JobCommand]) -> None:
    state, story = after(*given)
    ends = [event for event in story if isinstance(event, ENDS)]
    assert len(ends) <= 1
    if ends:
        after_it = story[story.index(ends[0]) + 1 :]
        assert after_it in ([], [ArtifactsExpired(30.0)])
    assert state.status.ended == bool(ends)


@given(st.lists(commands, max_size=40))
def test_every_story_keeps_its_order(given: list[JobCommand]) -> None:
    state, story = after(*given)
    assert all(isinstance(event, JobQueued) == (place == 0) for place, event in enumerate(story))
    attempts = [event.attempt for event in story if isinstance(event, AttemptStarted)]
    assert attempts == list(range(1, len(attempts) + 1))
    assert state.attempt == len(attempts)
    failures = [event for event in story if isinstance(event, AttemptFailed)]
    if story:
        assert len(failures) <= state.asked.max_retries + 1
    assert state.failures == len(failures)
    running = False
    for event in story:
        if isinstance(event, AttemptStarted):
            assert not running
        elif isinstance(event, Submitted | Progressed | AttemptFailed | Completed):
            assert running
        running = isinstance(event, AttemptStarted) or (
            running and isinstance(event, Submitted | Progressed)
        )


@given(st.lists(commands, max_size=40))
def test_a_job_is_not_put_off_for_longer_than_it_may_be(given: list[JobCommand]) -> None:
    state, story = after(*given)
    waits = [event.delay_s for event in story if isinstance(event, Snoozed)]
    assert all(wait >= 0 for wait in waits)
    assert state.snoozed_s == sum(waits) <= SNOOZE_MOST


@given(st.lists(commands, max_size=40))
def test_the_state_is_a_fold_of_the_story(given: list[JobCommand]) -> None:
    state, story = after(*given)
    assert fold(JOBS, story, JOBS.initial) == state


def test_a_job_is_queued_once() -> None:
    state, _ = after(Queue(NOW, queued()))
    with pytest.raises(Refused, match="queued before") as refused:
        JOBS.decide(state, Queue(NOW, queued(prompt="another")))
    assert refused.value.code == "exists"


@pytest.mark.parametrize("command", [start(), complete(), Cancel(NOW, "why")], ids=str)
def test_a_job_nobody_asked_for_is_unknown(command: JobCommand) -> None:
    with pytest.raises(Refused) as refused:
        JOBS.decide(JOBS.initial, command)
    assert refused.value.code == "unknown"


def test_a_late_answer_loses_to_the_fencing_token() -> None:
    lost = LoseAttempt(NOW, 1, "gone")
    state, _ = after(Queue(NOW, queued()), start("old"), lost, start("new"))
    for late in (
        complete("old"),
        FailAttempt(NOW, "old", "no", True, 1),
        ReportProgress(NOW, "old", 50.0, "s"),
    ):
        with pytest.raises(Refused) as refused:
            JOBS.decide(state, late)
        assert refused.value.code == "stale_attempt"
    assert (
        after(Queue(NOW, queued()), start("old"), lost, start("new"), complete("new"))[0].status
        is Status.COMPLETED
    )


def test_a_failed_attempt_is_followed_by_another_after_a_delay() -> None:
    state, story = after(Queue(NOW, queued()), start(), FailAttempt(NOW, "t1", "no", True, 99))
    assert state.status is Status.QUEUED
    failed, scheduled = story[-2:]
    assert failed == AttemptFailed(1, "no", True)
    assert isinstance(scheduled, RetryScheduled)
    assert scheduled.attempt == 2
    assert scheduled.retry_at == NOW + dt.timedelta(seconds=scheduled.delay_s)
    assert 0 <= scheduled.delay_s <= 60


def test_attempts_run_out() -> None:
    state, story = after(
        Queue(NOW, queued(max_retries=1)),
        start("t1"),
        FailAttempt(NOW, "t1", "no", True, 1),
        start("t2"),
        FailAttempt(NOW, "t2", "no again", True, 1),
    )
    assert state.status is Status.FAILED
    assert story[-1] == Failed("attempt 2 was the last: no again")


def test_what_another_attempt_cannot_help_fails_at_once() -> None:
    state, story = after(Queue(NOW, queued()), start(), FailAttempt(NOW, "t1", "no", False, 1))
    assert state.status is Status.FAILED
    assert story[-1] == Failed("no")


def test_a_lost_worker_costs_no_delay() -> None:
    state, story = after(Queue(NOW, queued()), start(), LoseAttempt(NOW, 1, "gone"))
    assert story[-1] == RetryScheduled(2, NOW, 0.0)
    with pytest.raises(Refused):
        JOBS.decide(state, LoseAttempt(NOW, 1, "gone"))


def test_a_finished_job_cannot_be_called_off() -> None:
    state, _ = after(Queue(NOW, queued()), start(), complete())
    with pytest.raises(Refused) as refused:
        JOBS.decide(state, Cancel(NOW, "too late"))
    assert refused.value.code == "ended"
    assert refused.value.reason == "the job is completed already"


def test_only_the_files_of_a_completed_job_expire_and_once() -> None:
    expire = ExpireArtifacts(NOW, 30.0)
    state, story = after(Queue(NOW, queued()), start(), complete(), expire, expire)
    assert story[-1] == ArtifactsExpired(30.0)
    assert len(story) == 4
    assert state.expired
    assert state.status is Status.COMPLETED
    for unfinished in ((), (start(),), (Cancel(NOW, "no"),)):
        state, _ = after(Queue(NOW, queued()), *unfinished)
        with pytest.raises(Refused) as refused:
            JOBS.decide(state, expire)
        assert refused.value.code == "not_completed"


def test_progress_only_rises() -> None:
    state, _ = after(Queue(NOW, queued()), start(), ReportProgress(NOW, "t1", 40.0, "s"))
    assert JOBS.decide(state, ReportProgress(NOW, "t1", 30.0, "s")) == []
    assert JOBS.decide(state, ReportProgress(NOW, "t1", 400.0, "s")) == [Progressed(1, 100.0, "s")]

    assert JOBS.decide(state, ReportProgress(NOW, "t1", float("nan"), "s")) == []


def test_a_wait_that_the_provider_asks_for_is_kept_and_bounded() -> None:
    def delay(retry_after: float) -> float:
        fail = FailAttempt(NOW, "t1", "no", True, 1, retry_after)
        scheduled = after(Queue(NOW, queued()), start(), fail)[1][-1]
        assert isinstance(scheduled, RetryScheduled)
        return scheduled.delay_s

    assert delay(7000.0) == 7000.0
    assert delay(0.0) == retry_delay(1, 1)
    assert delay(1e12) == RETRY_AFTER_CAP


def test_an_attempt_that_is_put_off_uses_up_no_retry() -> None:
    later = NOW + dt.timedelta(seconds=30)
    fail = FailAttempt(NOW, "t2", "no", True, 7)
    snooze = Snooze(NOW, "t1", 30.0, "no room")
    state, story = after(Queue(NOW, queued(max_retries=1)), start("t1"), snooze, start("t2"))
    assert Snoozed(1, later, 30.0, "no room") in story
    assert (state.attempt, state.failures) == (2, 0)
    state, story = after(Queue(NOW, queued()), start("t1"), snooze, start("t2"), fail)
    assert story[-1] == RetryScheduled(
        3, NOW + dt.timedelta(seconds=retry_delay(1, 7)), retry_delay(1, 7)
    )


def test_a_job_that_no_provider_has_room_for_fails_in_the_end() -> None:
    asked = Queue(NOW, queued())
    state, _ = after(asked, start("t1"), Snooze(NOW, "t1", 23 * 3600.0, "full"))
    assert state.status is Status.QUEUED
    for last in ([start("t2"), Snooze(NOW, "t2", 7200.0, "full")], [Snooze(NOW, None, 7200.0, "")]):
        ended, story = after(asked, start("t1"), Snooze(NOW, "t1", 23 * 3600.0, "full"), *last)
        assert ended.status is Status.FAILED
        assert isinstance(story[-1], Failed)
        assert story[-1].error.startswith("put off 1 times")


def test_a_job_is_put_off_without_an_attempt_where_no_provider_may_be_called() -> None:
    state, story = after(Queue(NOW, queued()), Snooze(NOW, None, 5.0, "all are down"))
    assert (state.status, state.attempt, state.snoozes) == (Status.QUEUED, 0, 1)
    assert [type(event) for event in story] == [JobQueued, Snoozed]
    running, _ = after(Queue(NOW, queued()), start())
    with pytest.raises(Refused):
        JOBS.decide(running, Snooze(NOW, None, 5.0, "why"))


def test_a_job_that_no_provider_can_make_fails_without_an_attempt() -> None:
    state, story = after(Queue(NOW, queued()), FailAttempt(NOW, None, "too long for any", False, 1))
    assert state.status is Status.FAILED
    assert story[1:] == [Failed("too long for any")]


def test_what_a_lost_worker_left_at_its_provider_is_taken_up_there() -> None:
    beginning = (
        Queue(NOW, queued()),
        start("t1", "far"),
        ReportSubmitted(NOW, "t1", "r1"),
        LoseAttempt(NOW, 1, "gone", left=True),
    )
    state, _ = after(*beginning)
    assert state.left == RemoteWork("far", "r1")
    state, story = after(*beginning, start("t2", "far"))
    assert story[-1] == Submitted(2, "r1")
    assert state.provider_job_id == "r1"
    state, story = after(*beginning, start("t2", "near"))
    assert isinstance(story[-1], AttemptStarted)
    assert state.provider_job_id is None


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (LoseAttempt(NOW, 1, "told to stop"), None),
        (FailAttempt(NOW, "t1", "it failed", True, 1), None),
        (FailAttempt(NOW, "t1", "no answer", True, 1, None, True), RemoteWork("far", "r1")),
        (Snooze(NOW, "t1", 5.0, "ask later"), None),
        (Snooze(NOW, "t1", 5.0, "ask later", left=True), RemoteWork("far", "r1")),
    ],
    ids=["stopped", "failed", "not heard of", "put off", "put off while it goes on"],
)
def test_only_work_that_may_go_on_is_waited_for(end: JobCommand, left: RemoteWork | None) -> None:
    submitted = ReportSubmitted(NOW, "t1", "r1")
    state, _ = after(Queue(NOW, queued()), start("t1", "far"), submitted, end)
    assert state.left == left
    state, _ = after(
        Queue(NOW, queued()), start("t1", "far"), submitted, end, Snooze(NOW, None, 5, "")
    )
    assert state.left == left
    # A provider that had given no name yet has left nothing that could be found.
    assert after(Queue(NOW, queued()), start("t1", "far"), end)[0].left is None


@given(st.integers(0, 1000), seeds)
def test_an_attempt_is_put_off_for_seconds_and_not_for_hours(snoozes: int, seed: int) -> None:
    assert 5 <= snooze_delay(snoozes, seed) <= 600
    assert snooze_delay(snoozes, seed) == snooze_delay(snoozes, seed)


@given(st.integers(1, 1000), seeds)
def test_delays_stay_under_their_ceiling(attempt: int, seed: int) -> None:
    delay = retry_delay(attempt, seed)
    assert 0 <= delay <= min(RETRY_CAP, 60 * 2 ** (attempt - 1))
    assert retry_delay(attempt, seed) == delay


def test_delays_are_spread_over_their_whole_range() -> None:
    delays = [retry_delay(3, seed) for seed in range(2000)]
    assert min(delays) < 5
    assert max(delays) > 235
    assert 110 < sum(delays) / len(delays) < 130


def test_a_job_without_a_seed_has_one_of_its_own() -> None:
    asked = queued(seed=None)
    assert seed_of("a", asked) == seed_of("a", asked)
    assert seed_of("a", asked) != seed_of("b", asked)
    assert 0 <= seed_of("a", asked) < 2**32
    assert seed_of("a", queued(seed=0)) == 0
