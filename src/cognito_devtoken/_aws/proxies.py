"""Detect calls to this machine that would go through a proxy, where they usually fail."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def loopback_hint(url: str) -> str | None:
    """Return what to do if calls to a URL of this machine would go through a proxy; else None."""
    address = urlsplit(url)
    host = address.hostname or ""
    try:
        is_local = ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local or address.scheme not in getproxies() or proxy_bypass(address.netloc):
        return None
    return (
        f"Calls to this machine go through the proxy that {address.scheme.upper()}_PROXY names. "
        f"Set NO_PROXY={host}."
    )
