"""Which sockets listen on a port: the two ways of Linux to tell it, held against each other."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from test_readiness import free_port

from gaffer_procfile.probes import listeners
from gaffer_procfile.probes.listeners import listening_sockets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells it so")


@pytest.fixture(params=["sock_diag", "tables"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    way: str = request.param
    if way == "tables":

        def refuse(*_args: int) -> list[int]:
            raise PermissionError

        monkeypatch.setattr(listeners, "_ask_kernel", refuse)
    return way


def inode(of: socket.socket) -> int:
    return os.fstat(of.fileno()).st_ino


@pytest.mark.usefixtures("way")
def test_those_that_listen_on_the_port() -> None:
    port = free_port()
    assert listening_sockets(port) == []
    with (
        socket.create_server(("127.0.0.1", port)) as first,
        socket.create_server(("127.0.0.2", port)) as second,
        socket.create_server(("::1", port), family=socket.AF_INET6) as third,
        socket.create_server(("127.0.0.1", 0)),
        socket.create_connection(("127.0.0.1", port)),
    ):
        assert sorted(listening_sockets(port)) == sorted(map(inode, (first, second, third)))
    assert listening_sockets(port) == []


def test_sock_diag_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert list(listeners._ask_kernel(socket.AF_INET, port)) == [inode(server)]


def test_an_error_of_the_kernel_is_one() -> None:
    with pytest.raises(OSError, match="2"):
        list(listeners._ask_kernel(250, 80))
