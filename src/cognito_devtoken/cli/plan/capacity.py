"""
Calculate how many calls a fleet makes, and how many users a quota supports.

Law of this module: it only calculates. RefreshPolicy decides when a lease is due, so if its rules
change, these figures change, too.

A lease is a token, or credentials. It is fetched again at the first request after it has reached
its refresh age. So the mean time between two fetches is the refresh age plus the mean pause between
requests.
"""

from __future__ import annotations

import math

import attrs

from ..._cache.policy import RefreshPolicy
from ..._session.cache import DEFAULT_MAX_ENTRIES
from .quotas import Quota, quota_for


HOUR, DAY = 3600.0, 86_400.0
# Makes up for rounding errors. Without it, a plan with exactly as many users as the quota supports
# could exceed the quota.
_ROUNDING = 1e-9
_POLICY = RefreshPolicy()
# According to docs/life.md, 10,000 tokens take 15 MB. 10,000 credentials take about the same.
_MEGABYTES_PER_ENTRY = 15 / 10_000


@attrs.frozen(kw_only=True)
class Plan:
    """
    A fleet and its users.

    Attributes:
        hosts: How many sessions the fleet has. Each process has its own, so 12 hosts with 4
            workers each are 48.

        has_shared_store: Whether the hosts share tokens. Credentials are never shared.

        has_sticky_users: Whether all requests of a user reach the same host.

        requests_per_hour: How many requests of each user need a token, per hour. If neither this
            nor *visits_per_day* is set, users request tokens all the time.

        visits_per_day: How many visits a user makes per day. During a visit, the user requests
            tokens all the time.

        visit_seconds: How long a visit lasts.

        token_seconds: The lifetime of a token.

        credentials: How credentials are requested: ``enhanced`` or ``basic``. Tokens are then
            requested only to get credentials. With ``none``, no credentials are requested.

        credentials_seconds: The lifetime of credentials.

        quota_per_second: The quota of calls for tokens; None is AWS's default.

        credentials_quota_per_second: The quota of calls for credentials; None is AWS's default.

        headroom_percent: How many percent of a quota to leave for calls that the plan does not
            cover.

        cold_seconds: How long a fleet without tokens may take to get the tokens of all users; None
            means no limit.

        latency_seconds: How long a call takes.

        threads: How many calls a host makes at once: ``max_concurrent_fetches``.
    """

    users: int
    hosts: int = 1
    has_shared_store: bool = False
    has_sticky_users: bool = False
    requests_per_hour: float | None = None
    visits_per_day: float | None = None
    visit_seconds: float = 600.0
    token_seconds: float = 900.0
    credentials: str = "none"
    credentials_seconds: float = 3600.0
    quota_per_second: float | None = None
    credentials_quota_per_second: float | None = None
    headroom_percent: float = 20.0
    cold_seconds: float | None = None
    latency_seconds: float = 0.05
    threads: int = 8

    @property
    def planned_share(self) -> float:
        """The share of a quota that the plan may use."""
        return 1 - self.headroom_percent / 100


@attrs.frozen(kw_only=True)
class Lease:
    """
    How often the lease of one user (a token or credentials) is fetched.

    Attributes:
        seconds: The lifetime of the lease.

        caches: How many hosts fetch the lease separately; 1 if they share it.

        sharing_hosts: How many hosts share one lease. The first host on which it is due refreshes
            it.

        window_seconds: The refresh window.

        refresh_age_seconds: The mean age at which the lease becomes due.

        pause_seconds: The mean time between two requests for the lease in one cache.

        calls_per_user: How many calls per second one user causes.
    """

    seconds: float
    caches: int
    sharing_hosts: int
    window_seconds: float
    refresh_age_seconds: float
    pause_seconds: float
    calls_per_user: float


@attrs.frozen(kw_only=True)
class Demand:
    """
    The calls of a plan to one operation, compared with the quota of that operation.

    Attributes:
        lease: The lease whose fetches are counted.

        needs_tokens: Whether the lease is fetched by exchanging a token. If so, a fetch may also
            need a call for the token.

        is_limited_by_credentials: Whether tokens are fetched at most as often as credentials.

        is_upper_bound: Whether the number of calls is an upper bound and not an estimate.

        to_fetch: How many leases a fleet without any must fetch; 0 if they are in a shared store.

        calls_per_user: How many calls per second one user causes.

        calls_per_second: The calls of all users, in the steady state.

        users_supported: How many users the quota supports if the headroom is left free; None if the
            quota is unknown.

        cold_seconds: How long a fleet that has no leases takes to get the leases of all users; None
            if the quota is unknown, 0 if the fleet finds them in a shared store.

        quota_needed: The quota that the plan needs, in calls per second.

        threads_needed: How many calls a host must make at once.
    """

    quota: Quota
    lease: Lease
    needs_tokens: bool
    is_limited_by_credentials: bool
    is_upper_bound: bool
    to_fetch: int
    calls_per_user: float
    calls_per_second: float
    users_supported: int | None
    cold_seconds: float | None
    quota_needed: float
    threads_needed: int

    @property
    def load(self) -> float:
        """The needed quota divided by the available quota; 0 if the available one is unknown."""
        limit = self.quota.calls_per_second
        return 0.0 if limit is None else self.quota_needed / limit

    @property
    def is_over(self) -> bool:
        """Whether the plan needs more than the quota. An unknown quota is never exceeded."""
        return self.load > 1 + _ROUNDING


@attrs.frozen(kw_only=True)
class Entries:
    """
    How large the caches of a session must be to evict no token and no credentials.

    Attributes:
        per_session: How many entries each of the caches needs: one for each user that the session
            sees.

        default_limit: The default of ``max_entries``.

        megabytes: How much memory the entries of all caches of a session take.
    """

    per_session: int
    default_limit: int
    megabytes: float

    @property
    def is_over(self) -> bool:
        """Whether a cache needs more entries than it holds by default."""
        return self.per_session > self.default_limit


def refresh_age(seconds: float, sharing_hosts: int = 1) -> float:
    """
    Return the mean age at which a lease is refreshed if it is requested all the time.

    Args:
        seconds: The lifetime of the lease.

        sharing_hosts: How many hosts share the lease. Each host draws its own jitter, and the
            first host on which the lease is due refreshes it for all.
    """
    # The jitter is drawn uniformly from 0 to 1. The largest of n draws is n / (n + 1) on average.
    return _POLICY.due_age(seconds, sharing_hosts / (sharing_hosts + 1))


def token_lease(plan: Plan) -> Lease:
    """Return how often a user's token is fetched if the requests are for tokens."""
    is_shared = plan.has_shared_store and not plan.has_sticky_users
    return _lease(
        plan,
        plan.token_seconds,
        caches=1 if plan.has_shared_store or plan.has_sticky_users else plan.hosts,
        sharing_hosts=plan.hosts if is_shared else 1,
    )


def credentials_lease(plan: Plan) -> Lease:
    """Return how often a user's credentials are fetched. A shared store does not hold them."""
    caches = 1 if plan.has_sticky_users else plan.hosts
    return _lease(plan, plan.credentials_seconds, caches=caches, sharing_hosts=1)


def _lease(plan: Plan, seconds: float, *, caches: int, sharing_hosts: int) -> Lease:
    age = refresh_age(seconds, sharing_hosts)
    pause = 0.0
    if plan.requests_per_hour is not None:
        pause = HOUR * caches / plan.requests_per_hour
    calls = caches / (age + pause)
    if plan.visits_per_day is not None:
        # If visits are so frequent that a token lasts until the next visit, a user causes as many
        # calls as a user who requests tokens all the time.
        visits = caches * plan.visits_per_day / DAY * (1 + plan.visit_seconds / age)
        calls = min(visits, calls)
    return Lease(
        seconds=seconds,
        caches=caches,
        sharing_hosts=sharing_hosts,
        window_seconds=_POLICY.refresh_window(seconds),
        refresh_age_seconds=age,
        pause_seconds=pause,
        calls_per_user=calls,
    )


def entries(plan: Plan) -> Entries:
    """Return the entries that a session needs. A shared store does not change their number."""
    seen = math.ceil(plan.users / plan.hosts) if plan.has_sticky_users else plan.users
    kinds = 1 if plan.credentials == "none" else 2  # each kind has max_entries of its own
    return Entries(
        per_session=seen,
        default_limit=DEFAULT_MAX_ENTRIES,
        megabytes=seen * kinds * _MEGABYTES_PER_ENTRY,
    )


def demands(plan: Plan) -> tuple[Demand, ...]:
    """Return the demand for tokens and, if the plan has credentials, the demand for credentials."""
    tokens = token_lease(plan)
    quota = quota_for("none", plan.quota_per_second)
    if plan.credentials == "none":
        return (_demand(plan, quota, tokens, tokens.calls_per_user),)
    credentials = credentials_lease(plan)
    # Here, tokens are requested only when credentials are fetched. A token that lives longer than
    # the credentials is exchanged several times, so there are fewer calls for tokens.
    calls = min(credentials.calls_per_user, tokens.calls_per_user)
    of_credentials = quota_for(plan.credentials, plan.credentials_quota_per_second)
    return (
        _demand(plan, quota, tokens, calls, is_limited_by_credentials=True),
        _demand(plan, of_credentials, credentials, credentials.calls_per_user, needs_tokens=True),
    )


def _demand(
    plan: Plan,
    quota: Quota,
    lease: Lease,
    calls_per_user: float,
    *,
    needs_tokens: bool = False,
    is_limited_by_credentials: bool = False,
) -> Demand:
    calls = plan.users * calls_per_user
    limit = quota.calls_per_second
    # A new host finds the tokens of the running hosts in the store.
    is_warm = plan.has_shared_store and not needs_tokens
    to_fetch = 0 if is_warm else plan.users * lease.caches
    cold_calls = to_fetch / plan.cold_seconds if plan.cold_seconds else 0.0
    # A thread that fetches credentials may have to wait for a token first.
    seconds = plan.latency_seconds * (2 if needs_tokens else 1)
    busy = max(calls, cold_calls) * seconds / plan.hosts
    return Demand(
        quota=quota,
        lease=lease,
        needs_tokens=needs_tokens,
        is_limited_by_credentials=is_limited_by_credentials,
        is_upper_bound=(
            is_limited_by_credentials
            or plan.visits_per_day is not None
            or (lease.sharing_hosts > 1 and lease.pause_seconds > 0)
        ),
        to_fetch=to_fetch,
        calls_per_user=calls_per_user,
        calls_per_second=calls,
        users_supported=(
            None if limit is None else _whole(limit * plan.planned_share / calls_per_user)
        ),
        cold_seconds=(
            None if limit is None else to_fetch / min(limit, plan.hosts * plan.threads / seconds)
        ),
        quota_needed=max(calls / plan.planned_share, cold_calls),
        threads_needed=max(math.ceil(busy * (1 - _ROUNDING)), 1),
    )


def _whole(number: float) -> int:
    return math.floor(number * (1 + _ROUNDING))


def users_supported(plan: Plan) -> int:
    """Return how many users the known quotas support."""
    supported = [demand.users_supported for demand in demands(plan)]
    return min(each for each in supported if each is not None)


def load(plan: Plan) -> float:
    """Return the highest load of any quota; more than 1 means that a quota is exceeded."""
    return max(demand.load for demand in demands(plan))


def fits(plan: Plan) -> bool:
    """Return whether the plan stays within every known quota."""
    return not any(demand.is_over for demand in demands(plan))
