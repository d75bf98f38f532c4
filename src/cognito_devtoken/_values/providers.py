"""The names of login providers."""

import re


# The providers that an identity pool lists by name. The names of all other public providers contain
# a slash: these are OpenID Connect and SAML providers in IAM, and user pools.
NAMED_PROVIDERS = frozenset(
    {
        "accounts.google.com",
        "api.twitter.com",
        "appleid.apple.com",
        "graph.facebook.com",
        "www.amazon.com",
        "www.digits.com",
    }
)
# From the API model (DeveloperProviderName), which allows 128 characters. ASCII, as in ID_PATTERN.
DEVELOPER_PROVIDER = re.compile(r"[\w._-]{1,128}", re.ASCII)


def may_be_developers(provider: str) -> bool:
    """Return whether a provider may be the developer provider of a pool."""
    return provider not in NAMED_PROVIDERS and bool(DEVELOPER_PROVIDER.fullmatch(provider))
