"""Arguments that request a token, and a response to them."""

from pools import POOL


POOL_ID = POOL.identity_pool_id
LOGIN = "canary-login"
ASK = [
    "get-token",
    *("--identity-pool-id", POOL_ID),
    *("--logins", f"{POOL.developer_provider}={LOGIN}"),
]
PLAIN = ["get-token", "--identity-pool-id", POOL_ID, "--logins=a=b"]
# Nothing listens on this port, so every connection fails.
NOWHERE = "http://127.0.0.1:1"
