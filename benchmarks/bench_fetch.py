"""
Compare the CPU time of ``fetch`` and of the same call through boto3.

The server costs nothing and has its own process. The contenders take turns in one process, so
a ratio compares two neighbouring runs; the median of the ratios is printed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from server import POOL_ID

from cognito_devtoken import DevTokenClient, TokenRequest


ROUNDS, CALLS = 60, 50
LOGINS = {"login.example.com": "user-42"}


@contextmanager
def server(latency: float = 0) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("server.py")), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def cpu_of(call: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS


def main() -> None:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with server() as url:
        boto: Any = boto3.client("cognito-identity", region_name="us-east-1", endpoint_url=url)
        ours = DevTokenClient(endpoint_url=url)
        around = DevTokenClient(boto_client=boto)

        def direct() -> object:
            return boto.get_open_id_token_for_developer_identity(
                IdentityPoolId=POOL_ID, Logins=LOGINS
            )

        contenders: dict[str, Callable[[], object]] = {
            "boto3.client(...), called directly": direct,
            "DevTokenClient(), with a new request": lambda: ours.fetch(
                TokenRequest(POOL_ID, LOGINS)
            ),
            "DevTokenClient(boto_client=that), the same": lambda: around.fetch(
                TokenRequest(POOL_ID, LOGINS)
            ),
        }
        for call in contenders.values():
            cpu_of(call)  # warm up
        rounds = [{name: cpu_of(call) for name, call in contenders.items()} for _ in range(ROUNDS)]
        ours.close()

    base = next(iter(contenders))
    print(f"CPU per call, {ROUNDS} rounds of {CALLS} calls each, Python {sys.version.split()[0]}")
    for name in contenders:
        ratios = statistics.quantiles((r[name] / r[base] for r in rounds), n=4)
        cpu = statistics.median(r[name] for r in rounds)
        print(
            f"  {name:<44}{cpu * 1e6:6.0f} µs   x {ratios[1]:.2f}"
            f"   (middle half: {ratios[0]:.2f} to {ratios[2]:.2f})"
        )


if __name__ == "__main__":
    main()
