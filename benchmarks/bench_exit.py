"""How much longer a process takes to end while a fetch hangs than without a fetch."""

import subprocess
import sys
import time

from figures import Figure
from runner import run, scaled


ROUNDS = scaled(25)
PROGRAM = """
import sys, threading
from cognito_devtoken import TokenSession

hanging = threading.Event()

class Hanging:
    def fetch(self, request):
        hanging.set()
        threading.Event().wait()

session = TokenSession("us-east-1:0", developer_provider="login.example.com", client=Hanging())
if sys.argv[1] == "hanging":
    threading.Thread(target=session.get_token, args=["user-42"], daemon=True).start()
    hanging.wait()
print("begin", flush=True)
session.close()
"""


def seconds(how: str) -> float:
    """Return the time from the last line of the program to the end of its process."""
    command = [sys.executable, "-c", PROGRAM, how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        began = time.perf_counter()
        process.wait()
        return time.perf_counter() - began


def figures() -> list[Figure]:
    rounds = [(seconds("idle"), seconds("hanging")) for _ in range(ROUNDS)]
    return [
        Figure.of("exit without a fetch", (idle * 1000 for idle, _ in rounds), "ms"),
        Figure.of("exit while a fetch hangs", (hangs * 1000 for _, hangs in rounds), "ms"),
    ]


if __name__ == "__main__":
    run("exit", figures)
