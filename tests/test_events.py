"""What hooks receive, and what LoggingHook logs."""

import inspect
import logging
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from caching import Recorder, make_cache, request_for
from cognito_devtoken import TokenCache, events
from cognito_devtoken._events.log import INFO_EVENTS, WARNINGS
from cognito_devtoken.events import (
    Event,
    FetchFailed,
    FetchStarted,
    FetchSucceeded,
    Invalidated,
    LoggingHook,
    Reason,
)
from cognito_devtoken.exceptions import InternalServiceError
from cognito_devtoken.testing import FakeFetcher, ManualClock


KINDS = [
    getattr(events, name)
    for name in events.__all__
    if name not in {"Event", "LoggingHook", "Reason"}
]


def test_a_fetch_emits_its_start_and_its_outcome(fetcher: FakeFetcher, clock: ManualClock) -> None:
    recorder = Recorder()

    class Slow(FakeFetcher):
        def fetch(self, request: Any) -> Any:
            clock.advance(0.25)
            return super().fetch(request)

    slow = Slow(clock)
    cache = make_cache(slow, clock, on_event=[recorder])
    token = cache.get(request_for())
    slow.error = InternalServiceError("broken", code="InternalErrorException")
    clock.advance(600)
    cache.get(request_for())

    key = "6307b4b3ccd466b4"
    assert recorder.events == [
        FetchStarted(key, Reason.MISS, queued=0),
        FetchSucceeded(key, Reason.MISS, 0.25, token.fingerprint, 900),
        FetchStarted(key, Reason.DUE, queued=0),
        FetchFailed(
            key,
            Reason.DUE,
            took=0.25,
            error="InternalServiceError",
            code="InternalErrorException",
            retry_in=0.5,
            remaining=299.5,
            request_id=None,
            message="broken",
            hint=InternalServiceError._hint,
        ),
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_are_frozen_and_document_their_fields(kind: Any) -> None:
    names = list(inspect.signature(kind).parameters)
    event = kind(*[0] * len(names))

    assert isinstance(event, Event)
    assert vars(event) == dict.fromkeys(names, 0)
    for name in names:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(event, name, 1)
        with pytest.raises(AttributeError, match="immutable"):
            delattr(event, name)
        assert f"{name}:" in str(kind.__doc__), "each attribute is documented"


def test_events_are_equal_if_their_class_and_members_are() -> None:
    started = FetchStarted("key", Reason.MISS, queued=1.0)

    assert started == FetchStarted(key="key", reason=Reason.MISS, queued=1.0)
    assert started != FetchStarted("key", Reason.MISS, 2.0)
    assert started != Invalidated("key", applied=True)
    assert len({started, pickle.loads(pickle.dumps(started))}) == 1
    assert repr(started) == "FetchStarted(key='key', reason=<Reason.MISS: 'miss'>, queued=1.0)"
    assert repr(Event()) == "Event()"
    assert FetchStarted.__match_args__ == ("key", "reason", "queued")


def test_an_event_has_defaults_only_where_its_signature_says_so() -> None:
    event = FetchFailed("key", Reason.DUE, 0.0, "E", None, 1.0, 0.0)

    assert (event.request_id, event.message, event.hint) == (None, None, None)
    assert str(inspect.signature(FetchStarted)) == "(key: 'str', reason: 'Reason', queued: 'float')"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("key", Reason.MISS), {}),
        (("key", Reason.MISS, 0.0, 1), {}),
        (("key", Reason.MISS, 0.0), {"queued": 0.0}),
        (("key", Reason.MISS, 0.0), {"other": 0.0}),
    ],
)
def test_an_event_with_other_arguments_cannot_be_made(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"The arguments of FetchStarted are key, reason, queued\."):
        FetchStarted(*args, **kwargs)


def test_a_failed_fetch_is_logged_as_a_warning(
    cache: TokenCache, fetcher: FakeFetcher, caplog: pytest.LogCaptureFixture, recorder: Recorder
) -> None:
    hook = LoggingHook()
    caplog.set_level(logging.DEBUG)
    token = cache.get(request_for())
    cache.invalidate(token)
    fetcher.error = InternalServiceError("broken", code="InternalErrorException")
    with pytest.raises(InternalServiceError):
        cache.get(request_for())
    caplog.clear()  # the cache has logged it, too
    for event in recorder.events:
        hook(event)

    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("cognito_devtoken", level) for level in ("DEBUG", "DEBUG", "INFO", "DEBUG", "WARNING")
    ]
    assert caplog.messages[0] == "FetchStarted key=6307b4b3ccd466b4 reason=miss queued=0.000"
    assert caplog.messages[2] == f"Invalidated fingerprint={token.fingerprint} applied=True"
    assert caplog.messages[4] == (
        "FetchFailed key=6307b4b3ccd466b4 reason=miss took=0.000 error=InternalServiceError "
        "code=InternalErrorException retry_in=0.250 remaining=0.000 message=broken "
        f'hint="{InternalServiceError._hint}"'
    )


def test_a_line_quotes_what_would_break_it(caplog: pytest.LogCaptureFixture) -> None:
    why = 'unknown "key"\n2026-01-01 ERROR all is lost\x1b[2J'

    LoggingHook()(events.StoredValueRefused(None, why))

    (line,) = caplog.messages
    assert line.isprintable()
    assert line.startswith('StoredValueRefused why="unknown \\"key\\"\\n2026-01-01 ERROR')


def test_a_long_text_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    LoggingHook()(events.StoredValueRefused(None, "x" * 100_000))

    assert len(caplog.text) < 1000


def test_the_documentation_names_the_level_of_every_event() -> None:
    page = (Path(__file__).parent.parent / "docs" / "monitoring.md").read_text()
    rows = dict(re.findall(r"^\| `(WARNING|INFO|DEBUG)` \| (.*) \|$", page, re.MULTILINE))
    documented = {level: set(re.findall(r"`(\w+)`", names)) for level, names in rows.items()}

    own = {kind.__name__ for kind in KINDS}
    assert WARNINGS.keys() - own == {"RequestFailed"}  # of the web integrations
    assert own >= INFO_EVENTS
    assert documented == {
        "WARNING": own & WARNINGS.keys(),
        "INFO": INFO_EVENTS,
        "DEBUG": own - WARNINGS.keys() - INFO_EVENTS,
    }


def test_a_custom_logger_keeps_its_level(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mine")
    logger.setLevel(logging.WARNING)

    LoggingHook(logger)(Invalidated("0123abcd", applied=False))
    LoggingHook(logger)(events.Throttled(25.0))

    assert caplog.messages == [f'Throttled rate=25.000 hint="{WARNINGS["Throttled"]}"']
