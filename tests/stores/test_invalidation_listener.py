"""The thread that reads the invalidations of other hosts."""

import gc
import threading
import weakref
from collections.abc import Callable
from queue import Empty

import pytest

from caching import PROVIDER, ManualThreads, Recorder, request_for, start_call, wait_until
from cognito_devtoken import TokenCache
from cognito_devtoken._sharing.invalidation_index import TOLD_AGAIN
from cognito_devtoken._sharing.invalidation_log import LISTEN_EVERY, InvalidationLog
from cognito_devtoken.events import InvalidatedElsewhere, StoreFailed
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock, MemoryStore
from cognito_devtoken.typing import LogPage
from hosts import HostFactory, listen, log_of


def listeners() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "cognito-devtoken"]


def test_a_host_with_hits_only_reads_an_invalidation_within_2_s(
    new_host: HostFactory, clock: ManualClock
) -> None:
    first, second = new_host(), new_host()
    threads = ManualThreads()
    log_of(second).thread.start_thread = threads.start
    entries: list[int] = []

    class Pause:
        """The thread's pause between two reads, by the manual clock."""

        def put(self, item: None) -> None: ...

        def get(self, timeout: float) -> None:
            if not timeout:  # before the first read
                raise Empty
            assert timeout == LISTEN_EVERY == 2
            clock.advance(timeout)
            entries.append(second.stats().entries)
            if len(entries) == 1:
                first.forget("user-42")
                listen(first)
            if len(entries) == 2:
                second.close()
            raise Empty

    log_of(second).thread.wake = Pause()
    first.get(request_for())
    second.get(request_for())

    threads.run_all()

    assert entries == [1, 0]


def test_a_real_thread_reads_the_log_and_ends_with_its_cache(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    first, second = (TokenCache(fetcher, developer_provider=PROVIDER, store=store) for _ in "ab")
    old = first.get(request_for())
    assert second.get(request_for()) == old
    first.forget("user-42")
    wait_until(lambda: store._messages != [])

    log_of(second).thread.wake.put(None)  # so that it reads the log now

    wait_until(lambda: not second.stats().entries)
    first.close()
    second.close()
    wait_until(lambda: not listeners())


def test_the_thread_ends_when_the_cache_is_empty_and_restarts_with_the_next_token(
    new_host: HostFactory, clock: ManualClock
) -> None:
    host = new_host()
    started: list[object] = []
    log_of(host).thread.start_thread = started.append
    host.get(request_for())
    assert len(started) == 1
    assert log_of(host).listen_once()
    host.clear()
    assert log_of(host).listen_once(), "it has an invalidation to announce"
    assert log_of(host).listen_once(), "the log may lose what it has announced"
    clock.advance(TOLD_AGAIN)
    assert not log_of(host).listen_once()

    host.get(request_for())
    assert len(started) == 2
    host.close()
    assert not log_of(host).listen_once()


def test_without_a_thread_each_flight_reads_the_log_before_the_store(
    new_host: HostFactory, fetcher: FakeFetcher
) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("can't start new thread")

    first, second = new_host(), new_host()
    log_of(second).thread.start_thread = fail
    old = second.get(request_for())
    first.forget("user-42")
    listen(first)
    second.get(request_for("another"))

    assert second.get(request_for()) != old


def test_a_host_that_starts_during_an_outage_of_the_store_reads_the_log_once_it_is_back(
    new_host: HostFactory, store: MemoryStore, clock: ManualClock
) -> None:
    first, second = new_host(), new_host()
    started: list[Callable[[], None]] = []
    log_of(second).thread.start_thread = started.append
    store.error = ConnectionError("down")
    old = second.get(request_for())
    store.error = None
    first.forget("user-42")
    listen(first)
    clock.advance(30)

    assert len(started) == 1
    listen(second)

    assert second.stats().entries == 0
    assert second.get(request_for()) != old


def test_the_thread_keeps_reading_while_an_abandoned_fetch_may_still_arrive(
    new_host: HostFactory, clock: ManualClock
) -> None:
    threads = ManualThreads()
    host = new_host(start_thread=threads.start)
    log_of(host).thread.start_thread = lambda run: None
    steps = host._leases.lookup.steps(request_for(), None, None)
    next(steps)
    respond = start_call(host, threads)
    log_of(host).ensure_listener()
    clock.advance(20)
    with pytest.raises(TokenUnavailableError):
        next(steps)

    assert log_of(host).listen_once(), "the token may still arrive"
    respond()
    assert log_of(host).listen_once()


def test_the_thread_ends_if_the_cache_is_closed_while_it_reads(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.get(request_for())
    read = store.published

    def published(start: int | None, seconds: float) -> LogPage:
        host.close()
        return read(start, seconds)

    store.published = published  # type: ignore[method-assign]

    assert log_of(host).listen_once() is None
    assert not log_of(host).thread.running


def test_a_signal_handler_can_close_the_cache_during_an_announcement(new_host: HostFactory) -> None:
    host = new_host()
    log = log_of(host)
    wake = log.thread.wake

    class Interrupted:
        def put(self, item: None) -> None:
            if not host._state.closed:
                host.close()
            wake.put(item)

        def __getattr__(self, name: str) -> object:
            return getattr(wake, name)

    log.thread.wake = Interrupted()

    host.forget("user-42")

    assert host._state.closed


def test_the_thread_does_not_keep_an_unclosed_cache_alive(
    fetcher: FakeFetcher, store: MemoryStore
) -> None:
    cache = TokenCache(fetcher, developer_provider=PROVIDER, store=store)
    cache._leases.workers.idle_seconds = 0
    cache.get(request_for())
    log: weakref.ref[InvalidationLog] = weakref.ref(log_of(cache))
    wake = log_of(cache).thread.wake
    del cache

    def gone() -> bool:
        gc.collect()
        wake.put(None)
        return log() is None and not listeners()

    wait_until(gone)


def test_an_interrupt_while_the_thread_starts_leaves_the_start_to_the_next_call(
    new_host: HostFactory,
) -> None:
    log = log_of(new_host())
    started: list[object] = []

    def interrupted(run: object) -> None:
        started.append(run)
        raise KeyboardInterrupt

    log.thread.start_thread = interrupted
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            log.ensure_listener()

    assert len(started) == 2


def test_a_host_whose_listener_dies_reads_the_log_before_its_next_look_and_listens_again(
    new_host: HostFactory, threads: ManualThreads, recorder: Recorder
) -> None:
    class Pause:
        def put(self, item: None) -> None: ...

        def get(self, timeout: float) -> None:
            if timeout:  # before the second round
                raise MemoryError
            raise Empty

    host, other = new_host(), new_host()
    log_of(host).thread.start_thread = threads.start
    log_of(host).thread.wake = Pause()
    old = host.get(request_for())
    threads.run_all()
    assert host.stats().store_errors == 1
    other.forget("user-42")
    listen(other)

    host.get(request_for("another"))

    assert host.get(request_for()) != old
    assert len(threads.jobs) == 1, "another listener"
    assert recorder.of(StoreFailed) == [StoreFailed("listen", "MemoryError", 0.0)]


def test_the_log_is_not_read_while_the_circuit_breaker_skips_the_store(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.get(request_for())
    store.error = ConnectionError("down")
    for _ in range(10):
        assert log_of(host).listen_once()

    assert host.stats().store_errors == 3


def test_a_forked_child_does_not_announce_for_its_parent_and_starts_its_own_thread(
    new_host: HostFactory, store: MemoryStore
) -> None:
    host = new_host()
    host.get(request_for())
    host.get(request_for("another"))
    log_of(host).thread.running = True
    host.forget("user-42")

    host._leases._before_fork()
    finish = host._leases._after_fork(in_child=True)
    started: list[object] = []
    log_of(host).thread.start_thread = started.append
    assert finish
    finish()  # else, with hits only, it would read nothing

    assert store._messages == []
    assert len(started) == 1


def test_a_forked_child_without_a_token_starts_no_thread(new_host: HostFactory) -> None:
    host = new_host()

    host._leases._before_fork()

    assert host._leases._after_fork(in_child=True) is None


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ZeroDivisionError])
def test_a_round_that_raises_anything_is_reported_and_the_listener_goes_on(
    new_host: HostFactory,
    threads: ManualThreads,
    recorder: Recorder,
    clock: ManualClock,
    error: type[BaseException],
) -> None:
    host, other = new_host(), new_host()
    log, pauses = log_of(host), list[float]()

    class Pause:
        def put(self, item: None) -> None: ...

        def get(self, timeout: float) -> None:
            pauses.append(timeout)
            if len(pauses) == 2:
                log.listen_once = listen_once
                other.forget("user-42")
                listen(other)
            if len(pauses) == 3:
                assert host.stats().entries == 0
                host.close()
            raise Empty

    listen_once = log.listen_once

    def fail() -> float | None:
        raise error

    log.thread.start_thread = threads.start
    log.thread._run_round = lambda log: log.listen_once()
    log.thread.wake = Pause()
    log.listen_once = fail
    old = host.get(request_for())
    assert other.get(request_for()) == old

    threads.run_all()

    assert pauses[:2] == [0, 0.5]
    assert host.stats().store_errors == 1
    assert StoreFailed("listen", error.__name__, 0.0) in recorder.events


def test_after_a_failed_round_nothing_is_adopted_before_the_log_is_read(
    new_host: HostFactory, store: MemoryStore
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for("another"))
    old = first.get(request_for())
    first.forget("user-42")
    listen(first)

    log_of(second).report(MemoryError())

    assert second.get(request_for()) != old


def test_a_host_that_was_frozen_reads_the_log_before_it_adopts_a_token(
    new_host: HostFactory, clock: ManualClock
) -> None:
    first, second = new_host(), new_host()
    second.get(request_for("another"))
    old = first.get(request_for())
    first.forget("user-42")
    listen(first)

    clock.advance(4)  # its listener is "running" all the time

    assert second.get(request_for()) != old


def test_a_hook_that_hangs_does_not_keep_the_listener_from_listening(
    new_host: HostFactory,
) -> None:
    host, other = new_host(), new_host()
    hung: list[object] = []
    log_of(host).hooks.start_thread = hung.append  # it starts, and never comes back
    host.get(request_for())
    for user in ("user-42", "ana", "bob"):
        host.get(request_for(user))
        other.forget(user)
        listen(other, host)
        assert host.stats().entries == 0

    assert len(hung) == 1


def test_a_hook_that_interrupts_is_counted_and_the_others_are_called(
    new_host: HostFactory, recorder: Recorder, threads: ManualThreads
) -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    class Pause:
        def get(self, timeout: float) -> None:
            raise Empty

    host, other = new_host(), new_host()
    host.get(request_for())
    other.forget("user-42")
    listen(other)
    host._state.recorder._hooks = (interrupt, recorder)
    log_of(host).hooks.start_thread = threads.start
    log_of(host).hooks.wake = Pause()

    listen(host)
    threads.run_all()

    assert host.stats().hook_errors == 1
    assert [event.entries for event in recorder.of(InvalidatedElsewhere)] == [1]
