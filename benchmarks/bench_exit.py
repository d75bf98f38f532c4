"""How much longer a process takes to end while a fetch hangs than without a fetch."""

import statistics
import subprocess
import sys
import time


ROUNDS = 25
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


def main() -> None:
    rounds = [(seconds("idle"), seconds("hanging")) for _ in range(ROUNDS)]
    idle, hanging = (statistics.median(column) for column in zip(*rounds, strict=True))
    beyond = statistics.median(hangs - ends for ends, hangs in rounds)
    print(
        f"From close() to the end of the process, {ROUNDS} rounds, Python {sys.version.split()[0]}"
    )
    print(f"  without a fetch      {idle * 1000:6.0f} ms")
    print(f"  while a fetch hangs  {hanging * 1000:6.0f} ms   {beyond * 1000:+.0f} ms")


if __name__ == "__main__":
    main()
