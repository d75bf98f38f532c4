"""Compare ``import cognito_devtoken`` with the bare interpreter and with ``import boto3``."""

import os
import statistics
import subprocess
import sys
import time


ROUNDS = 25
PROGRAMS = {
    "python -c pass": "pass",
    "import cognito_devtoken": "import cognito_devtoken",
    "import boto3": "import boto3",
}


# An installed package has bytecode.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def seconds(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, check=True)
    return time.perf_counter() - began


def main() -> None:
    for program in PROGRAMS.values():
        seconds(program)  # compile
    rounds = [{name: seconds(text) for name, text in PROGRAMS.items()} for _ in range(ROUNDS)]
    bare = next(iter(PROGRAMS))
    print(f"Wall time of a process, {ROUNDS} rounds, Python {sys.version.split()[0]}")
    for name in PROGRAMS:
        beyond = statistics.median(r[name] - r[bare] for r in rounds)
        ratio = statistics.median(r[name] / r[bare] for r in rounds)
        print(f"  {name:<26}{beyond * 1000:6.0f} ms beyond the bare interpreter   x {ratio:.2f}")


if __name__ == "__main__":
    main()
