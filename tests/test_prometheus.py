"""What only Prometheus has: the registry and the exposition."""

from collections.abc import Iterator

import pytest


pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")

from prometheus_client import REGISTRY, generate_latest

from cognito_devtoken import TokenSession
from cognito_devtoken.prometheus import PrometheusMetrics
from cognito_devtoken.testing import FakeFetcher
from monitoring import Prometheus
from pools import POOL


@pytest.fixture
def backend() -> Prometheus:
    return Prometheus()


@pytest.fixture
def lines(backend: Prometheus) -> Iterator[list[str]]:
    """The scraped lines after two requests for one token."""
    with TokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=FakeFetcher(),
        on_event=[backend.metrics],
    ) as session:
        backend.metrics.watch(session)
        session.get_token("ana")
        session.get_token("ana")
        yield backend.text().splitlines()


def test_the_exposition_follows_prometheus_conventions(lines: list[str]) -> None:
    assert "# TYPE cognito_devtoken_hits_total counter" in lines
    assert 'cognito_devtoken_hits_total{lease="token",state="fresh"} 1.0' in lines
    assert "# TYPE cognito_devtoken_entries gauge" in lines
    assert "# TYPE cognito_devtoken_fetch_duration_seconds histogram" in lines


def test_the_outcome_of_a_fetch_is_a_label(lines: list[str]) -> None:
    name = "cognito_devtoken_fetch_duration_seconds_count"

    assert f'{name}{{lease="token",outcome="ok",reason="miss"}} 1.0' in lines


def test_a_registry_refuses_a_second_hook(backend: Prometheus) -> None:
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        PrometheusMetrics(backend.registry)


def test_the_default_registry_is_the_global_one() -> None:
    # An example of docs/monitoring.md may have run in this process.
    for collector, names in list(REGISTRY._collector_to_names.items()):
        if any(name.startswith("cognito_devtoken_") for name in names):
            REGISTRY.unregister(collector)
    metrics = PrometheusMetrics()
    try:
        assert (
            'cognito_devtoken_misses_total{lease="token"} 0.0' in generate_latest(REGISTRY).decode()
        )
    finally:
        for each in (metrics, metrics._queued, metrics._took):
            REGISTRY.unregister(each)
