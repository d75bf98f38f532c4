"""The tests do not leave this machine, and neither do the processes that they start."""

import socket
import subprocess
import sys

import pytest


ELSEWHERE = "192.0.2.1"  # for documentation, RFC 5737: nobody is there


def test_a_connection_to_elsewhere_is_refused() -> None:
    with pytest.raises(PermissionError, match="tests do not leave this machine"):
        socket.create_connection((ELSEWHERE, 80), timeout=1)


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(PermissionError, match="tests do not leave this machine"):
        socket.getaddrinfo("example.com", 443)


def test_a_datagram_to_elsewhere_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(PermissionError, match="tests do not leave this machine"):
            datagrams.sendto(b"", (ELSEWHERE, 53))


@pytest.mark.external
def test_it_holds_in_a_process_that_a_test_starts() -> None:
    script = f"import socket; socket.create_connection(('{ELSEWHERE}', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "tests do not leave this machine" in done.stderr


@pytest.mark.external
def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            pass
