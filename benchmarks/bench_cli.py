"""
Compare how long a run of the command line and of the AWS CLI takes, from start to finish.

The AWS CLI is version 1, which is also written in Python and imports botocore. Both take turns
calling a server that costs nothing; the ratio printed is the median over neighbouring runs.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_fetch import server
from server import POOL_ID


ROUNDS = 25
ASK = (
    "get-open-id-token-for-developer-identity",
    *("--identity-pool-id", POOL_ID),
    *("--logins", "login.example.com=user-42"),
    *("--region", "us-east-1"),
)
# The commands installed next to this Python.
BIN = Path(sys.executable).parent
COMMANDS: Mapping[str, Sequence[str]] = {
    "aws cognito-identity": (str(BIN / "aws"), "cognito-identity", *ASK),
    "cognito-devtoken": (str(BIN / "cognito-devtoken"), *ASK),
    "import botocore.session": (sys.executable, "-c", "import botocore.session"),
}


def seconds(command: Sequence[str], environ: Mapping[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    environ = os.environ | {
        "AWS_ACCESS_KEY_ID": "AKIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has bytecode
    with server() as url:
        environ["AWS_ENDPOINT_URL_COGNITO_IDENTITY"] = url
        for command in COMMANDS.values():
            seconds(command, environ)  # compile
        rounds = [
            {name: seconds(command, environ) for name, command in COMMANDS.items()}
            for _ in range(ROUNDS)
        ]
    base = next(iter(COMMANDS))
    print(f"Wall time of a run, {ROUNDS} rounds, Python {sys.version.split()[0]}")
    for name in COMMANDS:
        ratios = statistics.quantiles((r[name] / r[base] for r in rounds), n=4)
        wall = statistics.median(r[name] for r in rounds)
        print(
            f"  {name:<26}{wall * 1000:6.0f} ms   x {ratios[1]:.2f}"
            f"   (middle half: {ratios[0]:.2f} to {ratios[2]:.2f})"
        )


if __name__ == "__main__":
    main()
