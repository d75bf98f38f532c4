"""What an entry costs in memory, and how a stream of one-time users affects a session."""

import gc
import resource
import sys
import tracemalloc
from pathlib import Path

from cognito_devtoken import OpenIdToken, TokenRequest, TokenSession
from cognito_devtoken.testing import make_token
from figures import Figure
from runner import cpu_of, on_one_core, run, scaled


ENTRIES = 10_000
USERS = scaled(1_000_000)
PARTS = 40
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
IDENTITY_ID = "us-east-1:dec4106a-0f05-5c0a-b270-66e3e599174d"


class ForgetfulFetcher:
    """A fetcher that keeps nothing, as a client keeps nothing of a call."""

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        user_id = request.logins[PROVIDER]
        return make_token(user_id, identity_pool_id=POOL_ID, developer_provider=PROVIDER)


class InstantFetcher:
    """A fetcher that costs next to nothing: one text as every token, without claims."""

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        return OpenIdToken.from_response({"IdentityId": IDENTITY_ID, "Token": "no JWT"}, request)


def open_session(client: ForgetfulFetcher | InstantFetcher) -> TokenSession:
    return TokenSession(POOL_ID, developer_provider=PROVIDER, client=client, max_entries=ENTRIES)


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def entries() -> list[Figure]:
    with open_session(ForgetfulFetcher()) as session:
        session.get_token("the first user, who pays the one-time costs")
        tracemalloc.start()
        before = allocated()
        for number in range(ENTRIES - 1):
            session.get_token(f"user-{number:05}")
        used = (allocated() - before) / (ENTRIES - 1)
        tracemalloc.stop()
        tokens = [session.get_token(f"user-{number:05}").token for number in range(ENTRIES - 1)]
        assert session.stats().entries == ENTRIES
        length = sum(map(len, tokens)) / len(tokens)
        size = sum(map(sys.getsizeof, tokens)) / len(tokens)
    return [
        Figure.of("an entry", [used], "bytes"),
        Figure.of("the characters of its token", [length], "bytes"),
        Figure.of("an entry, beyond the characters of its token", [used - length], "bytes"),
        Figure.of("an entry, beyond the str of its token", [used - size], "bytes", bar=600),
    ]


def resident() -> float:
    """Return the megabytes of this process that are in memory now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux: use the peak
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def stream() -> list[Figure]:
    on_one_core()  # the cost of a hand-off between two cores varies twofold
    costs: list[float] = []
    # What costs the same throughout, so that a machine whose speed drifts changes no ratio.
    yardsticks: list[float] = []
    request = TokenRequest(POOL_ID, {PROVIDER: "any"})
    with open_session(InstantFetcher()) as session:
        for number in range(ENTRIES):
            session.get_token(f"before-{number}")  # fill the cache first
        full = resident()
        for part in range(PARTS):
            yardsticks.append(cpu_of(lambda: InstantFetcher().fetch(request), USERS // PARTS))
            numbers = iter(range(USERS * part // PARTS, USERS * (part + 1) // PARTS))
            costs.append(
                cpu_of(lambda left=numbers: session.get_token(f"user-{next(left)}"), USERS // PARTS)  # type: ignore[misc]
            )
            assert session.stats().entries <= ENTRIES
        assert session.stats().fetches_succeeded == USERS + ENTRIES
        grown = resident() - full
    quarter = PARTS // 4
    relative = [cost / yardstick for cost, yardstick in zip(costs, yardsticks, strict=True)]
    pairs = zip(relative[-quarter:], relative[:quarter], strict=True)
    return [
        Figure.of("a call for a user who comes once, CPU", (each * 1e6 for each in costs), "µs"),
        Figure.of("the last quarter of the users / the first", (b / a for b, a in pairs)),
        Figure.of("growth of the process", [max(grown, 0.0)], "MB"),
    ]


def figures() -> list[Figure]:
    return [*entries(), *stream()]


if __name__ == "__main__":
    run("memory", figures)
