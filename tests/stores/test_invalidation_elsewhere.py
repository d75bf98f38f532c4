"""What one host throws away, the others do not go on handing out."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext

import pytest

from caching import POOL_ID, PROVIDER, Crew, Recorder, asking, in_the_air, until
from cognito_devtoken import OpenIdToken, TokenCache, TokenRequest
from cognito_devtoken._entries import Key
from cognito_devtoken._exchange import LISTEN_EVERY, Exchange
from cognito_devtoken._guarded import FailedError
from cognito_devtoken._news import KEEP, News
from cognito_devtoken._removal import EVERYTHING
from cognito_devtoken.events import InvalidatedElsewhere, StoredValueRefused, TokenDiscarded
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore, make_token
from hosts import Hosts, exchange_of, listen


Removes = Callable[[TokenCache, OpenIdToken], None]
WAYS: dict[str, Removes] = {
    "invalidate": lambda cache, token: cache.invalidate(token),
    "forget": lambda cache, token: cache.forget("user-42"),
    "forget_identity": lambda cache, token: cache.forget_identity(token.identity_id),
    "clear": lambda cache, token: cache.clear(),
}


@pytest.fixture(params=list(WAYS))
def remove(request: pytest.FixtureRequest) -> Removes:
    return WAYS[request.param]


def test_the_others_throw_it_away_when_they_hear_of_it_and_take_the_next(
    new_host: Hosts, fetcher: FakeFetcher, told: Recorder, remove: Removes
) -> None:
    here, there = new_host(), new_host()
    old = here.get(asking())
    assert there.get(asking()) == old

    remove(here, old)
    new = here.get(asking())
    listen(here, there)

    assert there.get(asking()) == new != old
    assert len(fetcher.calls) == 2
    assert [event.entries for event in told.of(InvalidatedElsewhere)] == [1]


def test_whoever_threw_it_away_does_not_take_it_back(
    new_host: Hosts, fetcher: FakeFetcher, remove: Removes
) -> None:
    host = new_host()
    old = host.get(asking())

    remove(host, old)

    assert host.get(asking()) != old
    assert len(fetcher.calls) == 2


def test_a_host_that_comes_later_does_not_take_it_either(
    new_host: Hosts, fetcher: FakeFetcher, remove: Removes
) -> None:
    here = new_host()
    old = here.get(asking())
    remove(here, old)
    listen(here)

    assert new_host().get(asking()) != old
    assert len(fetcher.calls) == 2


def test_another_user_loses_nothing(new_host: Hosts, fetcher: FakeFetcher) -> None:
    here, there = new_host(), new_host()
    token = there.get(asking("another"))
    old = here.get(asking())
    here.forget("user-42")
    here.forget_identity(old.identity_id)
    here.invalidate(here.get(asking()))
    listen(here, there)

    assert there.get(asking("another")) == token
    assert there.stats().hits == 1
    assert new_host().get(asking("another")) == token


def test_the_first_host_keeps_the_token_that_it_got_after_throwing_another_away(
    new_host: Hosts, remove: Removes
) -> None:
    host = new_host()
    remove(host, host.get(asking()))
    new = host.get(asking())

    listen(host)
    listen(host)

    assert host.get(asking()) == new
    assert host.stats().hits == 1


def test_a_token_that_is_ignored_is_not_told_of(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    old = host.get(asking())
    host.invalidate(old)
    host.get(asking())
    for _ in range(5):
        host.invalidate(old)
    listen(host)

    assert len(store._messages) == 1


def test_what_was_asked_for_before_is_refused_though_it_is_stored_later(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    crew = Crew()
    slow, here = new_host(start_thread=crew.start), new_host()
    flight, _ = next(slow._callers.steps(asking(), None, None))

    class Slow:
        def fetch(self, request: TokenRequest) -> OpenIdToken:
            here.forget("user-42")
            listen(here)
            return fetcher.fetch(request)

    slow._engine._fetcher = Slow()
    in_the_air(slow, crew)()
    old = flight.token
    assert old
    assert len(store.values) == 1

    assert here.get(asking()) != old
    assert new_host().get(asking()) != old
    listen(slow)
    assert slow.stats().entries == 0


def test_what_is_heard_between_reading_and_landing_counts(
    new_host: Hosts, fetcher: FakeFetcher, told: Recorder
) -> None:
    here, there = new_host(), new_host()
    old = here.get(asking())
    engine = there._engine
    hold = engine.hold

    def held_up(*arguments: object) -> OpenIdToken:
        here.forget("user-42")
        listen(here, there)
        engine.hold = hold  # type: ignore[method-assign]
        return hold(*arguments)  # type: ignore[arg-type]

    engine.hold = held_up  # type: ignore[assignment, method-assign]

    assert there.get(asking()) == old, "it was asked for before"
    assert told.of(TokenDiscarded)
    assert there.get(asking()) != old


def test_what_cannot_be_told_is_told_as_soon_as_the_store_answers(
    new_host: Hosts, store: MemoryStore, clock: ManualClock
) -> None:
    here, there = new_host(), new_host()
    old = here.get(asking())
    there.get(asking())
    store.error = ConnectionError("down")
    here.forget("user-42")
    for _ in range(3):
        listen(here)
    new = here.get(asking())
    assert new != old, "it goes on without the store"
    store.error = None
    clock.advance(6)

    listen(here, there)

    assert there.get(asking()) not in (old, new)


def test_who_has_too_much_to_tell_tells_to_throw_everything_away(
    new_host: Hosts, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    there.get(asking("another"))
    store.error = ConnectionError("down")
    for number in range(10_001):
        here.forget(str(number))
    store.error = None

    listen(here, there)

    assert len(store._messages) == 1
    assert there.stats().entries == 0


def test_many_who_are_forgotten_are_told_of_in_few_messages_and_nobody_else_is(
    new_host: Hosts, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    token = there.get(asking("another"))
    there.get(asking("999"))
    for number in range(1000):
        here.forget(str(number))

    listen(here, there)

    assert len(store._messages) == 2
    assert there.stats().entries == 1
    assert there.get(asking("another")) == token


def test_who_has_missed_messages_takes_nothing_from_before(
    new_host: Hosts, fetcher: FakeFetcher, store: MemoryStore
) -> None:
    here, there = new_host(), new_host()
    old = there.get(asking())
    for number in range(KEEP + 1):
        store.publish(store.keys.seal(b'[["identity", "%d"]]' % number, b"message"), 1, KEEP)
    listen(there)

    assert there.stats().entries == 0
    assert here.get(asking()) != old
    assert new_host().get(asking()) == here.get(asking())
    assert len(fetcher.calls) == 2
    assert len(exchange_of(there).news._thrown_away) <= KEEP


def test_older_news_are_forgotten_with_all_that_they_may_have_meant() -> None:
    news, key, token = News(PROVIDER), Key.of(asking(), PROVIDER), make_token()
    news.heard((number, [("identity", str(number))]) for number in range(1, KEEP + 3))

    assert len(news._thrown_away) == KEEP
    assert [news.refuses(key, token, since) for since in (0, 1, 2, 3)] == [True, True, False, False]


@pytest.mark.parametrize(
    "message", [b"", b"{}", b"[1]", b"nonsense", b'["of a later version", "1"]']
)
def test_a_message_that_nobody_understands_does_no_harm(
    new_host: Hosts, store: MemoryStore, message: bytes
) -> None:
    host = new_host()
    token = host.get(asking())
    store.publish(store.keys.seal(message, b"message"), 1, KEEP)

    listen(host)

    assert host.get(asking()) == token
    assert host.stats().store_undecryptable == 0


def test_a_forged_message_is_refused_with_an_event(
    new_host: Hosts, store: MemoryStore, told: Recorder
) -> None:
    host = new_host()
    token = host.get(asking())
    ((value, _, _),) = store.values.values()
    for forged in (b'["all"]', MemoryStore().keys.seal(b'["all"]', b"message"), value):
        store.publish(forged, 1, KEEP)

    listen(host)

    assert host.get(asking()) == token
    refused = told.of(StoredValueRefused)
    assert [event.why for event in refused] == [
        "unknown format",
        "unknown key",
        "altered or moved",
    ]
    assert {event.key for event in refused} == {None}


def test_no_message_names_a_user_in_the_clear(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    token = host.get(asking())
    host.forget("user-42")
    host.forget_identity(token.identity_id)
    listen(host)

    for _, message in store._messages:
        assert b"user" not in message
        assert token.identity_id.encode() not in message


# The thread


def listeners() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "cognito-devtoken"]


def test_a_host_that_only_has_hits_hears_of_it_in_time(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    clock = ManualClock()
    here, there = (
        TokenCache(fetcher, developer_provider=PROVIDER, store=store, clock=clock) for _ in "ab"
    )
    old = here.get(asking())
    assert there.get(asking()) == old

    here.forget("user-42")

    began = time.monotonic()
    until(lambda: not there.stats().entries)
    assert time.monotonic() - began < LISTEN_EVERY + 1
    assert there.get(asking()) != old
    here.close()
    there.close()
    until(lambda: not listeners())


def test_the_thread_ends_when_there_is_nothing_to_hear_and_comes_back(
    new_host: Hosts, clock: ManualClock
) -> None:
    host = new_host()
    started: list[object] = []
    exchange_of(host).start_thread = started.append
    host.get(asking())
    assert len(started) == 1
    assert exchange_of(host).listen_once()
    host.clear()
    assert exchange_of(host).listen_once(), "it has something to tell"
    assert not exchange_of(host).listen_once()

    host.get(asking())
    assert len(started) == 2
    host.close()
    assert not exchange_of(host).listen_once()


def test_without_a_thread_each_flight_listens_before_it_looks(
    new_host: Hosts, fetcher: FakeFetcher
) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("can't start new thread")

    here, there = new_host(), new_host()
    exchange_of(there).start_thread = fail
    old = there.get(asking())
    here.forget("user-42")
    listen(here)
    there.get(asking("another"))

    assert there.get(asking()) != old


def test_what_is_told_just_before_the_end_is_told(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    host.get(asking())
    host.forget("user-42")

    host.close()

    assert len(store._messages) == 1
    assert not exchange_of(host).listen_once()


def test_a_close_does_not_wait_for_a_store_that_is_slow_to_be_told(
    new_host: Hosts, store: MemoryStore
) -> None:
    host = new_host()
    exchange = exchange_of(host)
    waited: list[float] = []

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            waited.append(timeout)
            return False

    exchange._speaking = HeldByAnother()
    host.forget("user-42")
    with pytest.raises(FailedError):
        exchange.catch_up()
    assert host.get(asking()).token, "it goes on without the store"

    host.close()

    assert waited == [1, 1, 0.3]
    assert store._messages == []


def test_a_host_that_starts_while_the_store_is_down_hears_once_it_is_back(
    new_host: Hosts, store: MemoryStore, clock: ManualClock
) -> None:
    here, there = new_host(), new_host()
    started: list[Callable[[], None]] = []
    exchange_of(there).start_thread = started.append
    store.error = ConnectionError("down")
    old = there.get(asking())
    store.error = None
    here.forget("user-42")
    listen(here)
    clock.advance(30)

    assert len(started) == 1
    listen(there)

    assert there.stats().entries == 0
    assert there.get(asking()) != old


def test_a_token_that_is_given_up_and_lands_late_is_heard_for(
    new_host: Hosts, clock: ManualClock
) -> None:
    crew = Crew()
    host = new_host(start_thread=crew.start)
    exchange_of(host).start_thread = lambda run: None
    steps = host._callers.steps(asking(), None, None)
    next(steps)
    land = in_the_air(host, crew)
    exchange_of(host).listen_from_now_on()
    clock.advance(20)
    with pytest.raises(TokenUnavailableError):
        next(steps)

    assert exchange_of(host).listen_once(), "it may still come"
    land()
    assert exchange_of(host).listen_once()


def test_a_token_that_comes_back_from_the_store_is_the_one_that_is_refused(
    new_host: Hosts,
) -> None:
    host = new_host(max_entries=1)
    token = host.get(asking())
    host.get(asking("another"))
    assert host.get(asking()) == token

    host.invalidate(token)

    assert host.stats().invalidations_applied == 1
    assert host.get(asking()) != token


def test_a_signal_handler_may_close_in_the_middle_of_telling(new_host: Hosts) -> None:
    host = new_host()
    exchange = exchange_of(host)
    wake = exchange._wake

    class Interrupted:
        def put(self, item: None) -> None:
            if not host._engine.closed:
                host.close()
            wake.put(item)

        def __getattr__(self, name: str) -> object:
            return getattr(wake, name)

    exchange._wake = Interrupted()

    host.forget("user-42")

    assert host._engine.closed


def test_a_cache_that_nobody_closes_is_not_kept_alive_by_its_thread(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, store=store)
    cache._engine.idle_seconds = 0
    cache.get(asking())
    exchange: weakref.ref[Exchange] = weakref.ref(exchange_of(cache))
    wake = exchange_of(cache)._wake
    del cache

    def gone() -> bool:
        gc.collect()
        wake.put(None)
        return exchange() is None and not listeners()

    until(gone)


@pytest.mark.parametrize("heard", [True, False])
def test_what_another_thread_has_heard_while_this_one_waited_is_not_asked_for_again(
    new_host: Hosts, store: MemoryStore, *, heard: bool
) -> None:
    host = new_host()
    exchange = exchange_of(host)

    class HeldByAnother:
        def acquire(self, timeout: float) -> bool:
            exchange._attempts += 1
            exchange._up_to_date = heard
            return True

        def release(self) -> None: ...

    exchange._speaking = HeldByAnother()
    store.published = lambda after: pytest.fail("it asks")  # type: ignore[method-assign]

    with nullcontext() if heard else pytest.raises(FailedError):
        exchange._exchange()
    assert host.stats().store_errors == 0


def test_who_has_never_signed_in_as_a_user_is_not_forgotten_with_one(
    new_host: Hosts, fetcher: FakeFetcher
) -> None:
    request = TokenRequest(POOL_ID, {"idp.example": "proof"})
    here, there = new_host(), new_host()
    token = there.get(request)
    here.get(request)
    here.forget("user-42")
    here.forget("proof")
    listen(here, there)

    assert there.get(request) == token
    assert there.stats().hits == 1


def test_what_is_thrown_away_while_a_flight_begins_is_told_before_it_looks(
    new_host: Hosts, store: MemoryStore
) -> None:
    new_host().get(asking())
    host = new_host()
    exchange = exchange_of(host)
    catch_up = exchange.catch_up

    def caught_up() -> None:
        catch_up()
        exchange.catch_up = catch_up
        host.forget("user-42")

    exchange.catch_up = caught_up

    host.get(asking())

    assert host.stats().store_hits == 0
    assert len(store._messages) == 1
    assert host.stats().entries == 1, "what it has fetched since"


def test_who_throws_away_without_end_keeps_no_caller_waiting(
    new_host: Hosts, store: MemoryStore, fetcher: FakeFetcher
) -> None:
    new_host().get(asking())
    host = new_host()
    exchange = exchange_of(host)
    catch_up = exchange.catch_up

    def caught_up() -> None:
        catch_up()
        host.forget("user-42")

    exchange.catch_up = caught_up

    assert host.get(asking()).token
    assert len(fetcher.calls) == 2
    assert (host.stats().store_hits, host.stats().store_errors) == (0, 0)


def test_a_close_tells_no_more_than_takes_a_moment(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    for number in range(2000):
        host.forget(str(number))

    host.close()

    assert len(store._messages) == 3


def test_an_interrupt_while_a_thread_is_started_leaves_it_to_the_next(new_host: Hosts) -> None:
    exchange = exchange_of(new_host())
    started: list[object] = []

    def interrupted(run: object) -> None:
        started.append(run)
        raise KeyboardInterrupt

    exchange.start_thread = interrupted
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            exchange.listen_from_now_on()

    assert len(started) == 2


def test_what_is_told_may_become_everything_in_the_middle_of_it(
    new_host: Hosts, store: MemoryStore
) -> None:
    host = new_host()
    host.forget("user-0")
    publish = store.publish

    def publish_slowly(message: bytes, seconds: float, keep: int) -> int:
        store.publish = publish  # type: ignore[method-assign]
        for number in range(10_001):
            host.forget(str(number))
        return publish(message, seconds, keep)

    store.publish = publish_slowly  # type: ignore[method-assign]
    listen(host)

    assert len(store._messages) < 10
    assert EVERYTHING in exchange_of(host).news._thrown_away


def test_a_store_that_is_left_alone_is_not_listened_to(new_host: Hosts, store: MemoryStore) -> None:
    host = new_host()
    host.get(asking())
    store.error = ConnectionError("down")
    for _ in range(10):
        assert exchange_of(host).listen_once()

    assert host.stats().store_errors == 3


def test_a_forked_child_tells_nothing_for_its_parent_and_listens_for_itself(
    new_host: Hosts, store: MemoryStore
) -> None:
    host = new_host()
    host.get(asking())
    host.get(asking("another"))
    exchange_of(host)._listening = True
    host.forget("user-42")

    ready = host._engine._before_fork()
    finish = host._engine._after_fork(ready=ready, in_child=True)
    started: list[object] = []
    exchange_of(host).start_thread = started.append
    assert finish
    finish()  # with hits alone it would not hear, else

    assert store._messages == []
    assert len(started) == 1


def test_a_forked_child_without_a_token_has_nothing_to_hear(new_host: Hosts) -> None:
    host = new_host()

    ready = host._engine._before_fork()

    assert host._engine._after_fork(ready=ready, in_child=True) is None
