"""Who listens on a port: found wherever it listens, and nobody else taken for one."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from gaffer_procfile.preflight.listening import Listener, find_listeners, is_free

NOBODY = 65534

Listen = Callable[..., int]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Listen on a port of an address, the port's number is returned."""
    with ExitStack() as stack:

        def make(address: str = "127.0.0.1", port: int = 0, options: tuple[int, ...] = ()) -> int:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = stack.enter_context(socket.socket(family))
            for option in options:
                server.setsockopt(socket.SOL_SOCKET, option, 1)
            server.bind((address, port))
            server.listen()
            number: int = server.getsockname()[1]
            return number

        yield make


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        pytest.param("::1", marks=needs_ipv6),
        pytest.param("::", marks=needs_ipv6),
    ],
)
@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,)])
def test_a_listener_is_found_on_any_address(
    listen: Listen, address: str, options: tuple[int, ...]
) -> None:
    port = listen(address, options=options)
    assert not is_free(port)
    [(found, listener)] = find_listeners([port]).items()
    assert found == port
    assert (listener.pid, listener.directory) == (os.getpid(), os.getcwd())
    assert listener.name == psutil.Process().name()


def test_of_several_ports_those_that_are_taken(listen: Listen) -> None:
    taken = {listen(), listen()}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    assert find_listeners([*taken, number]).keys() == taken


def test_a_closed_connection_that_lingers_is_in_nobodys_way() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # who closes first has it linger
            assert client.recv(1) == b""
    lingering = [
        row for row in psutil.net_connections("tcp") if row.laddr and row.laddr.port == port
    ]
    assert {row.status for row in lingering} == {psutil.CONN_TIME_WAIT}
    assert is_free(port)
    assert find_listeners([port]) == {}


def test_an_outgoing_connection_is_no_listener(listen: Listen) -> None:
    server = listen()
    with socket.socket() as client:
        client.bind(("127.0.0.1", 0))
        client.connect(("127.0.0.1", server))
        port = client.getsockname()[1]
        assert not is_free(port)
        assert find_listeners([port]) == {}


def in_a_child_of_nobody(look: Callable[[], object]) -> str:
    """What `look` returns in a process of another user, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.closerange(3, writer)  # the listeners that we inherited would be ours, too
            os.closerange(writer + 1, 1000)
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, str(look()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_what_another_user_runs_has_no_name(listen: Listen) -> None:
    port = listen()
    said = in_a_child_of_nobody(lambda: find_listeners([port])[port])
    assert said == "another user's process"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every port is for everybody")
def test_a_port_that_we_may_not_have_is_not_in_use() -> None:
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
    if int(lowest) < 2:
        pytest.skip("every port is for everybody")
    said = in_a_child_of_nobody(lambda: (is_free(1), find_listeners([1])))
    assert said == "(False, {})"


def test_where_all_connections_can_not_be_listed_ones_own_are(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    port = listen()
    monkeypatch.setattr(psutil, "net_connections", denied)
    assert find_listeners([port])[port].pid == os.getpid()


def test_where_nothing_can_be_listed_the_port_is_taken_all_the_same(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    port = listen()
    monkeypatch.setattr(psutil, "net_connections", denied)
    monkeypatch.setattr(psutil, "process_iter", list)
    assert find_listeners([port])[port].pid is None


@pytest.mark.parametrize(
    ("listener", "text"),
    [
        (Listener("ruby", 12, "/home/me/shop"), "ruby (pid 12, in …/shop)"),
        (Listener("ruby", 12, "/"), "ruby (pid 12, in /)"),
        (Listener("ruby", 12), "ruby (pid 12)"),
        (Listener(None, 12), "a process (pid 12)"),
        (Listener(), "another user's process"),
    ],
)
def test_how_it_is_said(listener: Listener, text: str) -> None:
    assert str(listener) == text
