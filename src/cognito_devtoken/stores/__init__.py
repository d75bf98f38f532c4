"""
Stores that share tokens between hosts, and the keys that seal these tokens.

Each store has a module of its own, such as :mod:`cognito_devtoken.stores.redis`. To keep tokens
elsewhere, implement :class:`cognito_devtoken.typing.TokenStore`.
"""

from ._sealing import KeySource, PlainText, StoreKeys


__all__ = ["KeySource", "PlainText", "StoreKeys"]
