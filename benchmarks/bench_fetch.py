"""
Compare the CPU time of ``DevTokenClient.fetch`` with the same call through boto3.

The server costs next to nothing and runs in another process, so only the cost of the caller counts.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import boto3

from cognito_devtoken import DevTokenClient, TokenRequest
from figures import Figure, ratios
from runner import cpu_of, interleaved, run, scaled, server, use_fake_credentials
from server import POOL_ID


ROUNDS, CALLS = scaled(60), 50
LOGINS = {"login.example.com": "user-42"}
DIRECT = "boto3.client(...), called directly"


def figures() -> list[Figure]:
    use_fake_credentials()
    with server() as url:
        boto: Any = boto3.client("cognito-identity", region_name="us-east-1", endpoint_url=url)
        ours = DevTokenClient(endpoint_url=url)
        around = DevTokenClient(boto_client=boto)

        def direct() -> object:
            return boto.get_open_id_token_for_developer_identity(
                IdentityPoolId=POOL_ID, Logins=LOGINS
            )

        calls: dict[str, Callable[[], object]] = {
            DIRECT: direct,
            "DevTokenClient().fetch": lambda: ours.fetch(TokenRequest(POOL_ID, LOGINS)),
            "DevTokenClient(boto_client=...).fetch": lambda: around.fetch(
                TokenRequest(POOL_ID, LOGINS)
            ),
        }
        rounds = interleaved(
            {name: partial(cpu_of, call, CALLS) for name, call in calls.items()}, ROUNDS
        )
        ours.close()
    return [
        *(ratios(rounds, name, DIRECT, called=name) for name in calls if name != DIRECT),
        Figure.of(f"{DIRECT}, CPU", (each[DIRECT] * 1e6 for each in rounds), "µs", compared=False),
    ]


if __name__ == "__main__":
    run("fetch", figures)
