"""The client of the API: responses in any pieces, problems, and a server that goes away."""

from __future__ import annotations

import itertools
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from http_client import Served
from http_client import serve_once as serve_once
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.client import (
    BadResponse,
    Connection,
    Follower,
    Gone,
    Message,
    Messages,
    NoAnswer,
    Refused,
    Response,
    Stream,
)
from gaffer_procfile.http.limits import Limits


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces, cut at places that are given anyhow."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def chunked(*parts: bytes, trailer: bytes = b"", extension: bytes = b"") -> bytes:
    body = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts if part)
    return body + b"0\r\n" + trailer + b"\r\n"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CUTS = st.lists(st.integers(min_value=0), max_size=40)


@given(st.lists(st.binary(max_size=50), max_size=8), CUTS, st.binary(max_size=5))
def test_chunks_may_be_cut_anywhere(parts: list[bytes], cuts: list[int], rest: bytes) -> None:
    response = Response()
    got = []
    whole = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*parts) + rest
    for piece in pieces_of(whole, cuts):
        if not response.is_complete:
            response.feed(piece)
            got.append(response.take())
            tail = response.rest
        else:
            tail += piece
    assert b"".join(got) == b"".join(parts)
    assert response.is_complete and tail == rest


@given(st.binary(max_size=200), CUTS)
def test_a_body_with_a_length_may_be_cut_anywhere(body: bytes, cuts: list[int]) -> None:
    response = Response()
    for piece in pieces_of(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body, cuts):
        response.feed(piece)
    assert response.is_complete
    assert (response.status, response.take(), response.rest) == (200, body, b"")
    assert response.keeps_connection


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waits_for_more(data: bytes) -> None:
    response = Response()
    try:
        response.feed(data)
        response.end()
    except BadResponse as error:
        assert str(error).startswith("the answer can't be understood: ")
    else:
        assert response.is_complete


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "it begins with 'SSH-2.0-OpenSSH_9.2'"),
        (b"HTTP/1.1 abc\r\n\r\n", "it begins with 'HTTP/1.1 abc'"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "a header is 'no colon'"),
        (HEAD + b"Content-Length: -1\r\n\r\n", "its length is '-1'"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "the size of a chunk is b'xyz'"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n\r\n", "the size of a chunk is b''"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
            "a chunk is longer than its size",
        ),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70000, "a chunk has no size"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * 70000, "its head has no end"),
    ],
)
def test_what_is_no_response(text: bytes, reason: str) -> None:
    with pytest.raises(BadResponse) as caught:
        Response().feed(text)
    assert str(caught.value) == f"the answer can't be understood: {reason}"


def test_a_response_may_have_an_interim_one_before_it_and_trailers_behind() -> None:
    response = Response()
    response.feed(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    response.feed(chunked(b"hello", trailer=b"X-A: b\r\n", extension=b";x=y") + b"next")
    assert (response.take(), response.is_complete, response.rest) == (b"hello", True, b"next")


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    response = Response()
    response.feed(HEAD + b"\r\nhel")
    response.feed(b"lo")
    assert not response.is_complete and not response.keeps_connection
    response.end()
    assert (response.take(), response.is_complete) == (b"hello", True)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 5\r\n\r\n1234",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_response_that_is_cut_off(text: bytes) -> None:
    response = Response()
    response.feed(text)
    with pytest.raises(BadResponse, match="cut off"):
        response.end()


# ---- server-sent events

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["event", "lines"]), JSON_VALUES)), CUTS)
def test_messages_may_be_cut_anywhere(sent: list[tuple[str, Any]], cuts: list[int]) -> None:
    text = "".join(
        f": comment\n\nid: r-{number}\nevent: {kind}\ndata: {json.dumps(value)}\n\n"
        for number, (kind, value) in enumerate(sent)
    ).encode()
    messages = Messages()
    got = [message for piece in pieces_of(text, cuts) for message in messages.feed(piece)]
    assert [(each.kind, each.data) for each in got] == sent
    assert [each.id for each in got] == [f"r-{number}" for number in range(len(sent))]


def test_messages_that_are_odd() -> None:
    [first, second] = Messages().feed(b'data: {"a":\r\ndata:1}\r\n\r\nevent: x\n\ndata: 2\n\n')
    assert (first.kind, first.data, first.id) == ("message", {"a": 1}, None)
    assert (second.kind, second.data) == ("message", 2)
    with pytest.raises(BadResponse, match="isn't JSON"):
        list(Messages().feed(b"data: x\n\n"))


# ---- connections


class Server:
    """Takes connections on a unix socket, each with the answers that it gives to one request each.

    After the last one it waits until the client leaves; None instead of an answer hangs up at once.
    """

    def __init__(self, path: str, connections: tuple[list[bytes | None], ...]) -> None:
        self.path = path
        self.requests: list[bytes] = []
        self._connections = connections
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._connections:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # nobody came
            with connection:
                self._talk(connection, answers)

    def _talk(self, connection: socket.socket, answers: list[bytes | None]) -> None:
        if answers == [None]:
            self.requests.append(connection.recv(65536))
        for each in answers:
            if each is None:
                return
            self.requests.append(connection.recv(65536))
            connection.sendall(each)
        while connection.recv(65536):
            pass

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._socket.close()


MakeServer = Callable[..., Server]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MakeServer]:
    """Makes a server from the answers of each of its connections."""
    made: list[Server] = []

    def make(*connections: list[bytes | None]) -> Server:
        made.append(Server(str(tmp_path / f"{len(made)}.sock"), connections))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answer(value: Any, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def test_requests_share_a_connection(server: MakeServer) -> None:
    made = server([answer({"a": 1}), answer([2])])
    connection = Connection(made.path)
    assert connection.get("/run") == {"a": 1}
    first = connection.fileno()
    assert connection.post("/processes/web/scale", {"numprocesses": 3}) == [2]
    assert connection.fileno() == first
    connection.close()
    head = b"Host: gaffer\r\nAccept: */*\r\nUser-Agent: gaffer\r\n\r\n"
    assert made.requests[0] == b"GET /run HTTP/1.1\r\n" + head
    head, _, body = made.requests[1].partition(b"\r\n\r\n")
    assert b"Content-Type: application/json\r\nContent-Length: 19" in head
    assert body == b'{"numprocesses": 3}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {
                "title": "Not Found",
                "detail": "no such process: 'wbe'",
                "hint": "did you mean 'web'?",
            },
            "no such process: 'wbe' (did you mean 'web'?)",
        ),
        ({"title": "Not Found"}, "Not Found"),
        (["?"], "status 404"),
    ],
)
def test_a_problem_is_an_error_with_its_hint(server: MakeServer, value: Any, message: str) -> None:
    connection = Connection(server([answer(value, "404 Not Found")]).path)
    with pytest.raises(Refused) as caught:
        connection.get("/processes/wbe")
    assert (str(caught.value), caught.value.status) == (message, 404)
    connection.close()


def test_what_was_asked_for_a_stream_may_be_a_problem(server: MakeServer) -> None:
    connection = Connection(server([answer({"detail": "no"}, "404 Not Found")]).path)
    with pytest.raises(Refused, match="no"):
        connection.open("/instances/7/output")
    connection.close()


def test_a_server_that_was_never_there(tmp_path: Path) -> None:
    with pytest.raises(Gone) as caught:
        Connection(str(tmp_path / "nothing")).get("/run")
    assert caught.value.exit_status == 3


def test_a_server_that_goes_away(server: MakeServer) -> None:
    with pytest.raises(Gone, match="ended meanwhile"):
        Connection(server([None]).path).get("/run")
    with pytest.raises(Gone):
        Connection(server([HEAD + b"Content-Length: 5\r\n\r\n12", None]).path).get("/run")


def test_only_a_get_is_asked_again_when_the_connection_had_been_closed(server: MakeServer) -> None:
    connection = Connection(server([answer(1), None], [answer(2)]).path)
    assert [connection.get("/a"), connection.get("/b")] == [1, 2]
    connection.close()
    made = server([answer(1), b"", None], [answer(2)])
    connection = Connection(made.path)
    assert connection.get("/a") == 1
    with pytest.raises(Gone):
        connection.post("/restart")
    connection.close()
    assert len(made.requests) == 2


def test_what_is_asked_after_a_long_while_is_asked_on_a_connection_that_is_open(
    serve_once: Callable[..., Served],
) -> None:
    served = serve_once(limits=Limits(idle_seconds=0.05))
    served.driver.sh("web", "exec sleep 600")
    assert served.handler.socket is not None
    connection = Connection(served.handler.socket)

    def work() -> None:
        connection.get("/run")
        idle = connection.fileno()
        select.select([idle], [], [])  # until the server has had enough
        assert connection.post("/processes/web/restart")["name"] == "web"
        connection.close()

    served.run_beside(work)
    served.driver.run_until_event("spawn", "web", 2)


def test_after_what_is_no_response_comes_nothing(server: MakeServer) -> None:
    connection = Connection(server([b"HTTP/2 200\r\n\r\n" + answer(1)], [answer(2)]).path)
    with pytest.raises(BadResponse):
        connection.get("/a")
    assert connection.get("/b") == 2
    connection.close()


def test_after_a_problem_with_a_stream_an_answer_is_not_waited_for_longer(
    server: MakeServer,
) -> None:
    made = server([answer({"detail": "no"}, "404 Not Found")])
    connection = Connection(made.path, timeout=0.1)
    with pytest.raises(Refused):
        connection.open("/instances/7/output")
    with pytest.raises(NoAnswer):
        connection.get("/run")


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "silent.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        with pytest.raises(NoAnswer, match=r"hasn't answered for 0\.05 s"):
            Connection(path, timeout=0.05).get("/run")


def test_a_body_that_is_no_json(server: MakeServer) -> None:
    connection = Connection(server([HEAD + b"Content-Length: 1\r\n\r\n?"]).path)
    with pytest.raises(BadResponse, match="isn't JSON"):
        connection.get("/run")
    connection.close()


def test_a_stream_is_read_as_it_comes(server: MakeServer) -> None:
    made = server([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"one", b"two")])
    connection = Connection(made.path)
    response = connection.open("/instances/1/output")
    got = b""
    while data := connection.read(response):
        got += data
    assert got == b"onetwo" and response.is_complete
    connection.close()


# ---- following

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def one_chunk(text: bytes) -> bytes:
    return b"%X\r\n%s\r\n" % (len(text), text)


def test_several_streams_are_followed_until_all_have_ended(server: MakeServer) -> None:
    said = b"event: event\ndata: 1\n\nevent: bye\ndata: {}\n\nevent: event\ndata: 9\n\n"
    says_bye = server([SSE + one_chunk(said)])
    is_cut = server([SSE + one_chunk(b"event: event\ndata: 2\n\nevent: ev"), None])
    streams = [Stream(each.path, "/events?follow=1") for each in (says_bye, is_cut)]
    got: list[tuple[Stream, Message]] = []
    follower = Follower(streams, lambda stream, message: got.append((stream, message)))
    while not follower.has_ended:
        assert follower.wait(10)
    assert sorted(message.data for _, message in got) == [1, 2]
    assert {stream: message.data for stream, message in got} == {streams[0]: 1, streams[1]: 2}
    assert all(stream.has_ended for stream in streams)


def test_following_has_a_time_limit(server: MakeServer) -> None:
    stream = Stream(server([SSE + one_chunk(b": \n\n")]).path, "/events?follow=1")
    follower = Follower([stream], lambda *_: pytest.fail("a comment is no message"))
    while follower.wait(0.05):
        pass  # the comment
    assert not follower.has_ended
    follower.close()
    assert stream.has_ended
