"""
What hosts share their tokens in, and what their tokens are sealed with.

A store is imported by its name, such as :mod:`cognito_devtoken.stores.redis`. What keeps tokens
elsewhere implements :class:`cognito_devtoken.typing.TokenStore`.
"""

from ._sealing import KeySource, PlainText, StoreKeys


__all__ = ["KeySource", "PlainText", "StoreKeys"]
