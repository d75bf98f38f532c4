"""Neither the tests nor the processes they start can reach another machine."""

import socket
import subprocess
import sys

import pytest


ELSEWHERE = "192.0.2.1"  # reserved for documentation (RFC 5737), no host has it


def test_a_connection_to_elsewhere_is_refused() -> None:
    with pytest.raises(PermissionError, match="tests may only connect to loopback"):
        socket.create_connection((ELSEWHERE, 80), timeout=1)


def test_a_name_lookup_is_refused() -> None:
    with pytest.raises(PermissionError, match="tests may only connect to loopback"):
        socket.getaddrinfo("example.com", 443)


def test_a_datagram_to_elsewhere_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(PermissionError, match="tests may only connect to loopback"):
            datagrams.sendto(b"", (ELSEWHERE, 53))


@pytest.mark.external
def test_a_connection_from_a_child_process_is_refused() -> None:
    script = f"import socket; socket.create_connection(('{ELSEWHERE}', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "tests may only connect to loopback" in done.stderr


@pytest.mark.external
def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            pass
