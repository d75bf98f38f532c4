"""
Test doubles for your own tests: a clock, a fetcher, a store and tokens.

They need no test framework, no server and no AWS credentials. For a local Cognito over HTTP, see
:mod:`cognito_devtoken.emulator`.
"""

from ._clock import ManualClock
from ._fetcher import FakeFetcher
from ._memory_store import MemoryStore
from ._store_contract import TokenStoreContract
from ._tokens import make_token


__all__ = ["FakeFetcher", "ManualClock", "MemoryStore", "TokenStoreContract", "make_token"]

# repr(), help() and tracebacks then show the module from which users import these.
for _public in (FakeFetcher, ManualClock, MemoryStore, TokenStoreContract, make_token):
    _public.__module__ = __name__
