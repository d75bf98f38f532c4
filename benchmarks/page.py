"""The tables and plots of docs/performance.md, made from the figures of all versions of Python."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_fleet import COLD_USERS, DURATIONS, HOSTS, QUOTA
from bench_outage import OUTAGES, POLICIES
from figures import Run, shown


DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))
from drawings import IN_README, draw  # noqa: E402


Runs = Mapping[str, Run]

# By block: the bench, and the label of each row with the name of its figure; None for the base.
TABLES: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "hit": (
        "hit",
        {
            "the floor": None,
            "the steps of the floor in a plain loop, without a call": "floor, without a call",
            '`session.get_token("user")`': "session.get_token",
            '`await session.get_token("user")`': "await session.get_token",
            "`cachetools.TTLCache` under a `Lock`": "cachetools.TTLCache under a Lock",
            "google-auth, `credentials.valid`": "google-auth, valid",
            "azure-core, `BearerTokenCredentialPolicy.on_request`": "azure-core, bearer policy",
            "google-auth, `credentials.before_request`": "google-auth, before_request",
            "dogpile.cache, `get_or_create` in memory": "dogpile.cache, memory",
            "botocore, `RefreshableCredentials.get_frozen_credentials`": (
                "botocore, get_frozen_credentials"
            ),
            "msal, `acquire_token_for_client`": "msal, acquire_token_for_client",
            "a hit / a hit of `TTLCache` under a `Lock`": (
                "session.get_token / cachetools.TTLCache under a Lock"
            ),
        },
    ),
    "miss": (
        "miss",
        {
            '`boto3.client("cognito-identity")`, called directly': None,
            "the same call on a thread of a `ThreadPoolExecutor`": (
                "boto3.client(...), called on a thread of a pool, one core"
            ),
            "`session.get_token(…)`": "session.get_token, one core",
            "`await session.get_token(…)`": "await session.get_token, one core",
            "`session.get_token(…)`, around that boto3 client": (
                "session.get_token, around that boto3 client, one core"
            ),
            "with a free fetcher / `ThreadPoolExecutor(1).submit(f).result()`": (
                "session.get_token, free fetcher / ThreadPoolExecutor(1).submit(f).result()"
            ),
        },
    ),
    "route": (
        "web",
        {
            "a constant": None,
            "a constant, after a dependency that does nothing": (
                "a constant, and a dependency that does nothing, time"
            ),
            "a token from the session, without a dependency": (
                "a token from the session, without a dependency, time"
            ),
            "a token from the session, through `TokenSessionDep`": (
                "a token from the session by TokenSessionDep, time"
            ),
        },
    ),
    "start": (
        "start",
        {
            "`import cognito_devtoken` / `import attrs`": (
                "import cognito_devtoken / import attrs, CPU"
            ),
            "`from cognito_devtoken import TokenSession` / `import attrs`": (
                "from cognito_devtoken import TokenSession / import attrs, CPU"
            ),
            "to the first token: `TokenSession` / boto3": (
                "TokenSession: get_token / boto3: session, client, call, CPU"
            ),
        },
    ),
    "command": (
        "start",
        {
            "CPU time": "cognito-devtoken / aws cognito-identity, CPU",
            "wall time": "cognito-devtoken / aws cognito-identity, wall",
        },
    ),
    "memory": (
        "memory",
        {
            "with a token": "an entry",
            "beyond the characters of the token": "an entry, beyond the characters of its token",
            "beyond the `str` that holds them": "an entry, beyond the str of its token",
        },
    ),
    "fork": (
        "fork",
        {
            "10,000 entries, in the parent": "a fork with 10,000 entries, in the parent",
            "10,000 entries, in the child": "a fork with 10,000 entries, in the child",
        },
    ),
    "user-clients": (
        "user_clients",
        {
            '`UserClients(session).client("s3", user)`, µs of CPU': "UserClients(…).client(…), CPU",
            '`UserClients(session).client("s3", user)`, bytes': "UserClients(…).client(…), memory",
            **{
                f"{label}, multiple of the {what}": f"{name}, {what}"
                for label, name in {
                    'one botocore session, `create_client("s3")` for each user': (
                        "one botocore session, create_client(…)"
                    ),
                    '`boto3.Session(…).client("s3")` for each user': (
                        "boto3.Session(keys).client(…)"
                    ),
                    '`session_for(session, user).client("s3")`': "session_for(…).client(…)",
                }.items()
                for what in ("CPU", "memory")
            },
        },
    ),
    "fetch": (
        "fetch",
        {
            '`boto3.client("cognito-identity")`, called directly': None,
            "`DevTokenClient().fetch(TokenRequest(…))`": "DevTokenClient().fetch",
            "`DevTokenClient(boto_client=…).fetch(TokenRequest(…))`, around that boto3 client": (
                "DevTokenClient(boto_client=...).fetch"
            ),
        },
    ),
}


def blocks(runs: Runs) -> dict[str, str]:
    """Return the text of every generated block."""
    newest = [*runs.values()][-1]
    return {
        "machine": _machines(runs),
        **{name: _by_python(runs, *table) for name, table in TABLES.items()},
        "outage": _outage(newest),
        "capacity": _capacity(newest),
        "cold": _cold(newest, "without a store"),
        "cold-with-a-store": _cold(newest, "with a store"),
    }


def _machines(runs: Runs) -> str:
    lines = []
    for python, run in runs.items():
        known = run.machine
        rounds = ", some with a tenth of the rounds" if known.get("quick") else ""
        versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
        lines.append(
            f"- Python {python} ({known['python']}): {known['date']}, {known['cpus']} CPUs of "
            f"{known['cpu']}, {known['system']}, load {known['load']}{rounds}; {versions}"
        )
    return "\n".join(lines)


def _by_python(runs: Runs, bench: str, rows: Mapping[str, str | None]) -> str:
    head = ["", *(f"CPython {python}" for python in runs)]
    measured = [run for run in runs.values() if bench in run.figures]
    for name in filter(None, rows.values()):
        if measured and not any(run.find(bench, name) for run in measured):
            raise ValueError(f"bench_{bench} has no figure {name!r}. Run it again.")
    cells = [
        [label, *(_cell(run, bench, name) if name else "1" for run in runs.values())]
        for label, name in rows.items()
    ]
    return _table(head, cells)


def _cell(run: Run, bench: str, name: str) -> str:
    """Return a figure, or nothing if it was never measured on that Python."""
    figure = run.find(bench, name)
    return shown(figure.median) if figure else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _hits(run: Run) -> dict[str, float]:
    """Return the hits that are compared with the floor."""
    return {
        figure.name: round(figure.median, 1)
        for figure in run.figures.get("hit", ())
        if figure.name in TABLES["hit"][1].values()
        and " / " not in figure.name
        and not figure.name.startswith("floor")
    }


def _outage(run: Run) -> str:
    def cell(name: str, duration: int) -> str:
        both = (
            _cell(run, "outage", f"{name}, down for {duration} s, {what}")
            for what in ("bad seconds", "calls")
        )
        text = " / ".join(both)
        return f"**{text}**" if name == next(iter(POLICIES)) else text

    head = ["down for", *(f"{duration} s" for duration in OUTAGES)]
    return _table(head, ([name, *(cell(name, each) for each in OUTAGES)] for name in POLICIES))


def _capacity(run: Run) -> str:
    rows = []
    for duration in DURATIONS:
        calls = run.find("fleet", f"calls a day, tokens of {duration} s")
        if calls:
            users = QUOTA * 86_400 / calls.median
            cells = (f"{users / hosts:,.0f}" for hosts in HOSTS)
            rows.append([f"{duration:,} s", *cells, shown(calls.median)])
    return _table(["token duration", *map(_hosts, HOSTS), "calls a day"], rows)


def _cold(run: Run, how: str) -> str:
    rows = [
        [
            f"{users:,}",
            *(
                _cell(run, "fleet", f"cold, {how}, {hosts} hosts, {users} users, all served")
                for hosts in HOSTS
            ),
        ]
        for users in COLD_USERS
    ]
    return _table(["users, seconds on", *map(_hosts, HOSTS)], rows)


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"


def plot(runs: Runs) -> None:
    """Write the figures that docs/drawings draws, and the drawing that the README shows."""
    for name, figures in drawn(runs):
        (DOCS / "drawings" / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
        if path := IN_README.get(name):
            path.write_text(draw(name)[0])


def drawn(runs: Runs) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of each drawing whose bench was run."""
    oldest, newest = next(iter(runs.values())), [*runs.values()][-1]
    if "hit" in oldest.figures:
        yield "hit", {**_hits(oldest), "floor": 1.0}
    if "outage" in newest.figures:
        yield "outage", {"down": OUTAGES, "bad": _bad_seconds(newest)}


def _bad_seconds(run: Run) -> dict[str, list[float]]:
    return {
        name: [
            round(figure.median, 1)
            for duration in OUTAGES
            if (figure := run.find("outage", f"{name}, down for {duration} s, bad seconds"))
        ]
        for name in POLICIES
    }
