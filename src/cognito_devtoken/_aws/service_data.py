"""
Load what botocore needs to know of one service, without what it knows of hundreds of others.

botocore looks for all services, and reads a file of 1 MB with the endpoints of all of them, before
it makes the first client. That takes a sixth of the CPU time to the first token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from .made_clients import COGNITO, STS


if TYPE_CHECKING:
    from botocore.session import Session


class _Services(Collection[str]):
    """The services that a loader knows. Looking for one of them does not list all others."""

    def __init__(self, loader: Loader, type_name: str) -> None:
        self._loader = loader
        self._type_name = type_name

    def __contains__(self, service: object) -> bool:
        try:
            return bool(self._loader.list_api_versions(str(service), self._type_name))
        except DataNotFoundError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(Loader.list_available_services(self._loader, self._type_name))

    def __len__(self) -> int:
        return len(list(iter(self)))


class _QuickLoader(Loader):
    """Loads the data of one service without listing the directories of all services, twice."""

    def list_available_services(self, type_name: str) -> Any:
        return _Services(self, type_name)


class _QuickResolver:
    """
    Resolves a regional endpoint of Cognito or STS without reading the endpoints of all services.

    It returns what botocore's resolver returns. Everything else is left to that resolver.
    """

    uses_builtin_data = True

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    @cached_property
    def _complete(self) -> Any:
        return EndpointResolver(self._loader.load_data("endpoints"), uses_builtin_data=True)

    def construct_endpoint(
        self, service_name: str, region_name: str | None = None, *others: Any, **options: Any
    ) -> Any:
        # The options select a partition, or variants of an endpoint, such as those for FIPS.
        is_usual = service_name in (COGNITO, STS) and not (others or any(options.values()))
        if is_usual and region_name is not None:
            for partition in self._loader.load_data("partitions")["partitions"]:
                if re.match(partition["regionRegex"], region_name):
                    return _endpoint(service_name, region_name, partition)
        return self._complete.construct_endpoint(service_name, region_name, *others, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._complete, name)


def _endpoint(service: str, region: str, partition: dict[str, Any]) -> dict[str, Any]:
    suffix = partition["outputs"]["dnsSuffix"]
    return {
        "partition": partition["id"],
        "endpointName": region,
        "dnsSuffix": suffix,
        "hostname": f"{service}.{region}.{suffix}",
        "protocols": ["https"],
        "signatureVersions": ["v4"],
    }


def load_quickly(session: Session) -> None:
    """Make a session load only what is needed for the services that it calls."""
    loader: Any = session.get_component("data_loader")
    if type(loader) is not Loader:
        return
    quick: Any = _QuickLoader(loader.search_paths, include_default_search_paths=False)
    session.register_component("data_loader", quick)
    if _has_own_endpoints(quick):
        return
    # If another version of botocore has other internals, it reads the endpoints of all services.
    with suppress(AttributeError):
        components = cast("Any", session)._internal_components
        components.register_component("endpoint_resolver", _QuickResolver(quick))


def _has_own_endpoints(loader: Any) -> bool:
    """Return whether the user has replaced botocore's endpoints, for example in ~/.aws/models."""
    own = (path for path in loader.search_paths if path != loader.BUILTIN_DATA_PATH)
    return any(loader.file_loader.exists(str(Path(path, "endpoints"))) for path in own)
