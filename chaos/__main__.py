"""Run from the command line: ``python -m chaos --seconds 30 --seed 4711``."""

import argparse
import asyncio
import secrets
import sys

from cognito_devtoken.exceptions import ConfigurationError

from .conductor import Conductor
from .summary import Run, summary


# With the start of the processes and the recovery, five minutes. If processes do not recover or
# do not end, up to two minutes more.
_SECONDS = 260.0
_PROCESSES, _USERS = 4, 500
# Of a run that could not be made.
_NOT_RUN = 2


def main() -> int:
    """Run, print the table, and return the exit code: 1 if something was violated."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, help="how long things fail; default: %(default)g"
    )
    parser.add_argument("--seed", type=int, help="what goes wrong; default: a random number")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        print("chaos: needs Linux, whose /proc shows what a process holds.", file=sys.stderr)
        return _NOT_RUN
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    run = Run(seed, arguments.seconds, _PROCESSES, _USERS)
    print(f"seed {seed}", flush=True)
    conductor = Conductor(run)
    try:
        asyncio.run(conductor.conduct())
    except KeyboardInterrupt:
        conductor.checker.violation("interrupted", "the run did not come to its end")
    except ConfigurationError as error:
        print(f"chaos: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return _NOT_RUN
    for line in summary(run, conductor.checker, conductor.upstream.answers):
        print(line)
    return 1 if conductor.checker.violations else 0


if __name__ == "__main__":
    sys.exit(main())
