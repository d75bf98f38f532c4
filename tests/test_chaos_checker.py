"""What the checker of the chaos run reports, and what its summary shows."""

from typing import Any

import attrs
import pytest

from chaos.checker import (
    LATE_AFTER,
    LONGEST_WAIT,
    OVERRUN,
    PROCESS_TAIL,
    RECOVERY,
    STANDSTILL,
    STORE_TAIL,
    Checker,
    Happened,
    Overlap,
)
from chaos.records import (
    Abandoned,
    Complaint,
    Operation,
    Record,
    Recovered,
    Sample,
    StoreSkipped,
    Token,
)
from chaos.summary import Run, summary
from cognito_devtoken._cache.flights import DEADLINE
from cognito_devtoken._sharing.invalidation_log import LISTEN_EVERY


# Any moment.
NOW = 1_000_000.0
TOKEN = Token("user-1", 7, NOW - 5.0, NOW + 10.0)
GET = Operation("p0/1", "get_token", "user-1", NOW, NOW, 0.0, None, "ok", NOW, TOKEN)
SAMPLE = Sample("p0", NOW, 20, 11, 2, 40, 90_000_000, 0.0)


def invalidation(kind: str, cache: str, at: float, token: Token | None = None) -> Operation:
    user = "" if kind == "clear" else "user-1"
    return attrs.evolve(GET, cache=cache, kind=kind, user=user, began=at, ended=at, token=token)


def violations(*records: Record, troubles: list[Happened] | None = None) -> list[str]:
    """Return the kinds of violations that the last record adds."""
    checker = Checker()
    checker.troubles += troubles or []
    for record in records[:-1]:
        checker.feed(record)
    assert not checker.violations
    checker.feed(records[-1])
    return [violation.kind for violation in checker.violations]


def trouble(kind: str, began: float, ended: float, process: str | None = None) -> Happened:
    return Happened(kind, began, process, PROCESS_TAIL if process else STORE_TAIL, ended)


def test_checker_finds_nothing_wrong_with_a_valid_token() -> None:
    assert violations(GET) == []


def test_checker_finds_a_token_of_another_user() -> None:
    assert violations(attrs.evolve(GET, user="user-2")) == ["another user's token"]


def test_checker_finds_a_token_past_its_exp() -> None:
    assert violations(attrs.evolve(GET, read=TOKEN.expires - 0.001)) == []
    assert violations(attrs.evolve(GET, read=TOKEN.expires)) == ["past exp"]


def test_checker_finds_a_refresh_that_returns_an_older_token() -> None:
    refresh = attrs.evolve(GET, kind="refresh")

    assert violations(refresh) == ["stale refresh"]
    assert violations(attrs.evolve(refresh, began=TOKEN.issued)) == []


@pytest.mark.parametrize("kind", ["forget", "forget_identity", "clear", "invalidate"])
def test_checker_finds_a_token_that_its_own_cache_has_invalidated(kind: str) -> None:
    before = invalidation(kind, "p0/1", NOW - 1, TOKEN if kind == "invalidate" else None)

    assert violations(before, GET) == ["served after its own invalidation"]
    # It was issued after the invalidation, or asked for before.
    assert violations(attrs.evolve(before, began=TOKEN.issued, ended=TOKEN.issued), GET) == []
    assert violations(attrs.evolve(before, ended=GET.began), GET) == []


def test_checker_ignores_the_invalidation_of_another_token() -> None:
    other = attrs.evolve(TOKEN, serial=8)

    assert violations(invalidation("invalidate", "p0/1", NOW - 1, other), GET) == []


@pytest.mark.parametrize("cache", ["p0/2", "p1/1", "p1f1/1"])
@pytest.mark.parametrize("kind", ["forget", "clear"])
def test_checker_finds_a_token_that_another_cache_has_invalidated(kind: str, cache: str) -> None:
    # Long enough ago: the token is older.
    token = attrs.evolve(TOKEN, issued=NOW - 20)
    get = attrs.evolve(GET, token=token)

    assert violations(invalidation(kind, cache, NOW - LATE_AFTER), get) == []
    assert violations(invalidation(kind, cache, NOW - LATE_AFTER - 0.1), get) == [
        "late invalidation"
    ]


def test_checker_gives_a_forked_child_time_to_start_listening() -> None:
    get = attrs.evolve(GET, cache="p0f1/1", token=attrs.evolve(TOKEN, issued=NOW - 20))
    late = LATE_AFTER + LISTEN_EVERY

    assert violations(invalidation("forget", "p1/1", NOW - late), get) == []
    assert violations(invalidation("forget", "p1/1", NOW - late - 0.1), get) == [
        "late invalidation"
    ]


def test_checker_reports_a_late_invalidation_once_for_each_cache() -> None:
    checker = Checker()
    checker.feed(invalidation("forget", "p1/1", NOW - 10))
    get = attrs.evolve(GET, token=attrs.evolve(TOKEN, issued=NOW - 20))
    for cache in ("p0/1", "p0/1", "p0/2"):
        checker.feed(attrs.evolve(get, cache=cache))

    assert len(checker.violations) == 2


@pytest.mark.parametrize(
    "excuse",
    [
        trouble("store killed", NOW - 30, NOW - 29),  # a circuit breaker may still be open
        trouble("store stopped", NOW - 1, float("inf")),
        trouble("process frozen", NOW - 12, NOW - 9, "p0"),  # the one that serves
        trouble("process frozen", NOW - 12, NOW - 9, "p1"),  # the one that invalidates
    ],
    ids=lambda excuse: f"{excuse.kind} {excuse.process}",
)
def test_checker_counts_a_late_invalidation_after_a_trouble_under_its_name(
    excuse: Happened,
) -> None:
    checker = Checker()
    checker.troubles.append(excuse)
    checker.feed(invalidation("forget", "p1/1", NOW - 10))
    checker.feed(attrs.evolve(GET, token=attrs.evolve(TOKEN, issued=NOW - 20)))

    assert not checker.violations
    assert {kind: late.times for kind, late in checker.late.items()} == {excuse.kind: 1}
    assert checker.late[excuse.kind].longest == pytest.approx(10)


@pytest.mark.parametrize(
    "no_excuse",
    [
        trouble("store killed", NOW - 100, NOW - 99),
        trouble("process frozen", NOW - 12, NOW - 9, "p2"),
        Happened("throttling", NOW - 12, None, None, NOW),
    ],
    ids=lambda excuse: f"{excuse.kind} {excuse.process}",
)
def test_checker_accepts_no_trouble_that_cannot_delay_an_invalidation(no_excuse: Happened) -> None:
    get = attrs.evolve(GET, token=attrs.evolve(TOKEN, issued=NOW - 20))

    assert violations(invalidation("forget", "p1/1", NOW - 10), get, troubles=[no_excuse]) == [
        "late invalidation"
    ]


def test_checker_never_excuses_a_cache_that_serves_what_it_has_invalidated_itself() -> None:
    killed = trouble("store killed", NOW - 2, NOW)

    assert violations(invalidation("forget", "p0/1", NOW - 1), GET, troubles=[killed]) == [
        "served after its own invalidation"
    ]


def test_checker_counts_a_store_that_fails_without_a_trouble_as_a_trouble_of_the_process() -> None:
    skipped = StoreSkipped("p0/1", NOW - 9, 5.0)
    checker = Checker()
    checker.feed(skipped)
    checker.troubles.append(trouble("store killed", NOW - 1, NOW))
    checker.feed(attrs.evolve(skipped, at=NOW))  # which the trouble explains

    assert [each.kind for each in checker.troubles] == ["store failed by itself", "store killed"]
    assert checker.troubles[0].process == "p0"


def test_checker_finds_a_long_wait() -> None:
    longest = attrs.evolve(GET, waited=LONGEST_WAIT)

    assert violations(longest) == []
    assert violations(attrs.evolve(longest, waited=LONGEST_WAIT + 0.1)) == ["long wait"]
    limited = attrs.evolve(GET, timeout=1.0, waited=1.0 + OVERRUN)
    assert violations(limited) == []
    assert violations(attrs.evolve(limited, waited=1.1 + OVERRUN)) == ["long wait"]


def test_checker_does_not_count_the_time_for_which_a_process_was_frozen() -> None:
    waited = attrs.evolve(
        GET, began=NOW - LONGEST_WAIT - 5, token=None, outcome="ok", waited=LONGEST_WAIT + 5
    )
    frozen = trouble("process frozen", NOW - 10, NOW - 4, "p0")

    assert violations(waited, troubles=[frozen]) == []
    assert violations(waited, troubles=[attrs.evolve(frozen, process="p1")]) == ["long wait"]


def test_checker_finds_a_caller_that_still_waits() -> None:
    assert violations(attrs.evolve(SAMPLE, pending=LONGEST_WAIT + 0.1)) == ["long wait"]


def test_checker_finds_two_calls_in_the_air() -> None:
    checker = Checker()
    checker.overlapping(Overlap("p0/1", "user-1", NOW, NOW + 16))
    checker.judge(NOW + 17)
    assert not checker.violations  # a report of an abandonment may still arrive

    checker.judge(float("inf"))

    assert [violation.kind for violation in checker.violations] == ["two in the air"]


@pytest.mark.parametrize(
    ("abandoned", "excused"),
    [
        (Abandoned("p0/1", NOW + 15), True),
        (Abandoned("p0/2", NOW + 15), False),
        (Abandoned("p0/1", NOW - 1), False),
    ],
)
def test_checker_lets_a_cache_repeat_a_call_that_it_has_abandoned(
    abandoned: Abandoned, excused: bool
) -> None:
    checker = Checker()
    checker.feed(abandoned)
    checker.overlapping(Overlap("p0/1", "user-1", NOW, NOW + 16))
    checker.judge(float("inf"))

    assert bool(checker.violations) != excused


def test_checker_finds_a_call_that_outlives_its_deadline() -> None:
    checker = Checker()

    assert not checker.in_the_air("p0/1", "user-1", NOW - DEADLINE, NOW)
    assert checker.in_the_air("p0/1", "user-1", NOW - DEADLINE - 5, NOW)
    checker.troubles.append(trouble("process frozen", NOW - 6, NOW - 2, "p0"))
    assert not checker.in_the_air("p0/1", "user-1", NOW - DEADLINE - 5, NOW)


@pytest.mark.parametrize(
    "growing",
    [
        {"threads": 11 + 2 * 48 + 1},
        {"descriptors": 60 + 2 * 120 + 1},
        {"memory": SAMPLE.memory + 64 * 1024 * 1024 + 1},
    ],
    ids=lambda growing: next(iter(growing)),
)
def test_checker_finds_growth(growing: dict[str, Any]) -> None:
    warm = attrs.evolve(SAMPLE, at=NOW + 20)
    later = attrs.evolve(SAMPLE, at=NOW + 40)

    assert violations(SAMPLE, warm, later) == []
    assert violations(SAMPLE, warm, attrs.evolve(later, **growing)) == ["growth"]


def test_checker_finds_a_process_that_stands_still_and_reports_it_once() -> None:
    checker = Checker()
    checker.feed(SAMPLE)
    checker.check_samples(NOW + STANDSTILL)
    assert not checker.violations

    checker.troubles.append(trouble("process frozen", NOW + 1, NOW + 3, "p0"))
    checker.check_samples(NOW + STANDSTILL + 2)
    assert not checker.violations

    checker.check_samples(NOW + STANDSTILL + 2.1)
    checker.check_samples(NOW + STANDSTILL + 9)

    assert [violation.kind for violation in checker.violations] == ["standstill"]


def test_checker_finds_a_process_that_does_not_recover_in_time() -> None:
    assert violations(Recovered("p0", RECOVERY, 0)) == []
    assert violations(Recovered("p0", RECOVERY + 0.1, 0)) == ["no recovery"]
    assert violations(Recovered("p0", 1.0, 3)) == ["no recovery"]


def test_checker_passes_on_what_a_process_complains_about() -> None:
    assert violations(Complaint("p0", "undocumented error", "KeyError")) == ["undocumented error"]


def test_summary_shows_seed_outcomes_waits_troubles_and_violations() -> None:
    checker = Checker()
    checker.troubles.append(trouble("store killed", NOW - 30, NOW - 29))
    for record in (
        GET,
        attrs.evolve(GET, waited=1.5, outcome="TokenUnavailableError", token=None),
        invalidation("forget", "p1/1", NOW),
        attrs.evolve(GET, user="user-2"),
        SAMPLE,
        Recovered("p0", 2.5, 0),
    ):
        checker.feed(record)
    text = "\n".join(summary(Run(4711, 30.0, 4, 500), checker, {"token": 2, "cut": 1}))

    for expected in (
        "seed 4711",
        "4 operations",
        "2 ok, 1 TokenUnavailableError",
        "get_token" + " " * 20 + "1.50",
        "2 token, 1 cut",
        "1 store killed",
        "p0 2.5",
        "violations: 1",
        "another user's token: 1",
    ):
        assert expected in text
