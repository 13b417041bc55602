"""Who may ask for what, and from where: a test for each row of the table in docs/security.md."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import LOOK_INTERVAL
from http_client import Reply, Served
from http_client import serve_once as serve_once

from gaffer_procfile.http import pages
from gaffer_procfile.http.limits import Limits
from gaffer_procfile.http.listen import ListenError, TcpListener, read_token, split_address

Serve = Callable[..., Served]

NOBODY = 65534


def on_tcp(serve_once: Serve, **settings: Any) -> tuple[Served, int, str]:
    served = serve_once(tcp="0", **settings)
    assert served.handler.token is not None and served.handler.url is not None
    port = int(served.handler.url.partition("/?")[0].rpartition(":")[2])
    return served, port, served.handler.token


def ask(served: Served, port: int, token: str, path: str = "/run", **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    return served.ask("GET", path, headers=sent, port=port)


# ---- the unix socket


def test_the_socket_is_private(serve_once: Serve) -> None:
    served = serve_once()
    assert served.handler.socket is not None
    path = Path(served.handler.socket)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_turned_away_even_where_the_modes_let_him_in(
    serve_once: Serve, tmp_path: Path
) -> None:
    served = serve_once()
    assert served.handler.socket is not None
    path = Path(served.handler.socket)
    path.chmod(0o666)
    for directory in path.parents:
        if directory.stat().st_uid == os.getuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o711)
    script = (
        "import os, socket, sys\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "made = socket.socket(socket.AF_UNIX); made.connect(sys.argv[1])\n"
        "try:\n"
        "    made.send(b'GET /run HTTP/1.1\\r\\nHost: g\\r\\n\\r\\n')\n"
        "    print(made.recv(100))\n"
        "except (BrokenPipeError, ConnectionResetError):\n"
        "    print(b'')\n"
    )
    found: list[subprocess.CompletedProcess[str]] = []
    served.run_beside(
        lambda: found.append(
            subprocess.run(
                [sys.executable, "-c", script, str(path)], capture_output=True, text=True
            )
        )
    )
    assert (found[0].stdout, found[0].stderr) == ("b''\n", "")
    assert served.get("/run")["pid"] == os.getpid()


# ---- TCP


def test_without_the_token_nothing_is_told(serve_once: Serve) -> None:
    served, port, token = on_tcp(serve_once)
    for path in ("/", "/run", "/static/page.js", "/openapi.json", "/nothing", "/logs?token=wrong"):
        reply = ask(served, port, "", path)
        assert reply.status == 401, path
        assert reply.headers["www-authenticate"] == "Bearer"
    assert ask(served, port, token[:-1] + "x").status == 401
    assert ask(served, port, token + "x").status == 401
    assert ask(served, port, "", Authorization=f"Basic {token}").status == 401
    assert ask(served, port, "", Cookie=f"gaffer-{port}=x").status == 401
    assert ask(served, port, token).status == 200
    assert ask(served, port, "", f"/run?token={token}").status == 200


def test_a_browser_gets_a_cookie_for_the_token(serve_once: Serve) -> None:
    served, port, token = on_tcp(serve_once)
    reply = ask(
        served, port, "", f"/?token={token}", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"
    )
    assert reply.status == 303 and reply.headers["location"] == "/"
    cookie, *flags = reply.headers["set-cookie"].split("; ")
    assert cookie == f"gaffer-{port}={token}"
    assert set(flags) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert ask(served, port, "", Cookie=f"other=1; {cookie}").status == 200
    assert ask(served, port, "", "/?token=wrong").status == 401


def test_a_cookie_changes_nothing_without_an_origin_of_ours(serve_once: Serve) -> None:
    served, port, token = on_tcp(serve_once)
    cookie = {"Cookie": f"gaffer-{port}={token}"}
    ours = f"http://127.0.0.1:{port}"
    reply = served.ask("POST", "/restart", headers=cookie, port=port)
    assert reply.status == 403
    reply = served.ask("POST", "/restart", headers=cookie | {"Origin": ours}, port=port)
    assert reply.status == 202


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1"]
)
def test_a_page_from_elsewhere_is_refused(serve_once: Serve, origin: str) -> None:
    served, port, token = on_tcp(serve_once)
    for method in ("GET", "POST", "OPTIONS"):
        for given in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"gaffer-{port}={token}"}):
            headers = {**given, "Origin": origin}
            reply = served.ask(method, "/restart", headers=headers, port=port)
            assert reply.status == 403
            assert not [name for name in reply.headers if name.startswith("access-control")]
    assert served.ask("POST", "/restart", headers={"Origin": origin}).status == 403  # unix


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_page_from_elsewhere_embeds_is_refused(serve_once: Serve, site: str) -> None:
    served, port, token = on_tcp(serve_once)
    cookie = f"gaffer-{port}={token}"
    assert ask(served, port, "", "/logs", Cookie=cookie, Sec_Fetch_Site=site).status == 403
    assert ask(served, port, "", "/logs", Cookie=cookie, Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_a_page_from_elsewhere_is_no_body(serve_once: Serve, media: str) -> None:
    reply = serve_once().ask(
        "POST", "/processes", b'{"name":"x","cmd":"x"}', headers={"Content-Type": media}
    )
    assert reply.status == 415


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:PORT", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("10.0.0.1:PORT", 403),
        ("", 403),
        ("localhost:PORT", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:PORT", 200),
        ("dev.example:PORT", 200),
    ],
)
def test_a_name_that_somebody_else_leads_here_is_refused(
    serve_once: Serve, host: str, status: int
) -> None:
    served, port, token = on_tcp(serve_once, hosts=["dev.example"])
    assert ask(served, port, token, Host=host.replace("PORT", str(port))).status == status


def test_two_hosts_are_none(serve_once: Serve) -> None:
    served, port, token = on_tcp(serve_once)
    raw = served.open(b"GET /run HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", port)
    raw.read_until(lambda: raw.data)
    assert raw.data.startswith(b"HTTP/1.1 400 ")
    assert token not in raw.data.decode()


def test_other_machines_need_a_token_of_ones_own(serve_once: Serve, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="other machines"):
        serve_once(tcp="0.0.0.0:0")


def test_what_a_host_leads_to_says_whether_other_machines_can_connect() -> None:
    listener = TcpListener("2130706433:0", has_token_file=False)  # the same as 127.0.0.1
    assert listener.is_loopback
    listener.close()


@pytest.mark.parametrize(
    ("address", "opened"),
    [
        ("127.0.0.2:0", "127.0.0.2"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::1]:0", "[::1]"),
        ("[::]:0", "[::1]"),
    ],
)
def test_the_address_that_is_shown_can_be_opened(address: str, opened: str) -> None:
    listener = TcpListener(address, has_token_file=True)
    assert listener.origin == f"http://{opened}:{listener.port}"
    listener.close()


@pytest.mark.parametrize("host", ["no..host", "x" * 300, "\xe9" * 80, "192.0.2.1"])
def test_a_host_that_can_not_be_had(host: str) -> None:
    with pytest.raises(ListenError, match="can't listen on"):
        TcpListener(f"{host}:0", has_token_file=True)


def test_a_token_of_ones_own(serve_once: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-ones-own\n")
    file.chmod(0o600)
    served = serve_once(tcp="0.0.0.0:0", token_file=str(file))
    assert served.handler.url is not None
    port = int(served.handler.url.partition("/?")[0].rpartition(":")[2])
    assert ask(served, port, "a-token-of-ones-own", Host="192.0.2.1").status == 200
    assert ask(served, port, "a-token-of-ones-own", Host="evil.example").status == 403


@pytest.mark.parametrize("token", ["qL8+/w3Yz1xX0+a/bcdeFGH=", "-._~+/==-._~+/=="])
def test_a_token_may_have_what_base64_has(serve_once: Serve, tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    file.chmod(0o600)
    served = serve_once(tcp="0", token_file=str(file))
    assert served.handler.url is not None
    origin, _slash, query = served.handler.url.rpartition("/")
    port = int(origin.rpartition(":")[2])
    assert ask(served, port, token).status == 200
    assert ask(served, port, "", f"/run{query}").status == 200
    welcome = ask(served, port, "", f"/{query}")
    assert welcome.status == 303
    cookie = welcome.headers["set-cookie"].partition(";")[0]
    assert ask(served, port, "", Cookie=cookie).status == 200


def test_the_host_of_a_whole_url_is_the_one_that_counts(serve_once: Serve) -> None:
    """RFC 9112, 3.2.2: what a client would send to a proxy is taken, and its Host header is not."""
    served, port, token = on_tcp(serve_once)
    for target, host, status in (
        (f"http://localhost:{port}/run", f"localhost:{port}", 200),
        (f"HTTP://127.0.0.1:{port}/logs?n=1&since=0", "evil.example", 200),
        (f"/logs?process=http://localhost:{port}/", "evil.example", 403),
        (f"http://localhost:{port}?x=/", f"localhost:{port}", 200),  # "/", the page
        (f"http://evil.example:{port}/run", f"localhost:{port}", 403),
        ("http:///run", f"localhost:{port}", 403),
        (f"http://localhost@evil.example:{port}/run", f"localhost:{port}", 403),
        (f"http://localhost:{port}/nonesuch", f"localhost:{port}", 404),
    ):
        assert ask(served, port, token, target, Host=host).status == status, target
    assert served.ask("GET", "http://g/run").json["run"] == served.get("/run")["run"]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"short", 0o600, "no token"),
        (b"", 0o600, "no token"),
        (b"a token with spaces in it", 0o600, "no token"),
        (b"x\xff" * 20, 0o600, "letters, digits and"),
        (b"two-lines-of-text\ntwo-lines-of-text\n", 0o600, "one line"),
        (b"x" * 15, 0o600, "16 to 4096"),
        (b"x" * 5000, 0o600, "no token"),
        (b"a-token-of-ones-own", 0o644, "read by others"),
        (None, 0, "can't read"),
    ],
)
def test_a_token_file_that_is_none(
    tmp_path: Path, content: bytes | None, mode: int, said: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    with pytest.raises(ListenError, match=said):
        read_token(str(file))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("5999", ("127.0.0.1", 5999)),
        (":5999", ("127.0.0.1", 5999)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:5999", ("::1", 5999)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("::1:5999", None),
        ("web", None),
        ("1:", None),
        ("1:65536", None),
        ("1:-1", None),
        ("", None),
        ("1:²", None),
    ],
)
def test_an_address(address: str, expected: tuple[str, int] | None) -> None:
    if expected is None:
        with pytest.raises(ListenError):
            split_address(address)
    else:
        assert split_address(address) == expected


def test_an_address_in_use(serve_once: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ListenError, match="in use"):
            serve_once(tcp=str(taken.getsockname()[1]))


# ---- the page


@pytest.mark.parametrize(
    "path",
    [
        "/static/../handler.py",
        "/static/../../handler.py",
        "/static/..%2F..%2Fhandler.py",
        "/static/%2e%2e/%2e%2e/handler.py",
        "/static//etc/passwd",
        "/static/%2Fetc%2Fpasswd",
        "/static/....//handler.py",
        "/static/..\\handler.py",
        "/static/page.js%00.png",
        "/static/.",
        "/static/",
        "/static",
        "/static/secret.key",
        "//etc/passwd",
        "/../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_page(
    serve_once: Serve, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page"
    (page / "static").mkdir(parents=True)
    (page / "index.html").write_text("<p>page")
    (page / "static" / "page.js").write_text("1")
    (page / "static" / "secret.key").write_text("hush")
    monkeypatch.setattr(pages.Pages.__init__, "__defaults__", (str(page),))
    served = serve_once()
    raw = served.open(f"GET {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
    raw.read_until(lambda: b"\r\n\r\n" in raw.data)
    assert raw.data.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), raw.data
    reply = served.ask("GET", "/")
    assert (reply.status, reply.body) == (200, b"<p>page")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    reply = served.ask("GET", "/static/page.js")
    assert (reply.status, reply.body) == (200, b"1")


@pytest.mark.parametrize("path", ["/", "/run", "/nothing", "/logs?follow=1"])
def test_a_browser_is_told_to_be_careful(serve_once: Serve, path: str) -> None:
    headers = serve_once().ask("HEAD", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy


def test_output_is_no_markup(serve_once: Serve) -> None:
    """What a process writes goes out as JSON, with a type that no browser takes for a page."""
    served = serve_once()
    hostile = "</script><img src=x onerror=alert(1)>\\r\\n\\r\\nevent: bye\\ndata: {}\\n\\n\\377"
    served.driver.sh("web", f"printf '{hostile}'; exec sleep 60", redirect_output=["stdout"])
    served.ask_until(lambda: len(served.get("/logs")["lines"]) == 5)
    reply = served.ask("GET", "/logs")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    follower = served.follow("/logs?follow=1&since=0")
    follower.read_until(lambda: len(follower.lines()) == 5)
    assert [kind for _id, kind, _data in follower.messages] == ["hello", "lines"]
    assert follower.lines() == reply.json["lines"]


# ---- too much, too slow, garbage


def test_what_is_too_much_is_refused(serve_once: Serve) -> None:
    served = serve_once()
    head = b"POST /processes HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
    for data, status in (
        (head + b"Content-Length: 1048577\r\n\r\n", b"413"),
        (head + b"Content-Length: 99999999999999999\r\n\r\n", b"413"),
        (head + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"x" * 65536 + b"\r\n", b""),
        (b"GET /run HTTP/1.1\r\nHost: g\r\nX: " + b"x" * 20000, b"431"),
        (b"GET /" + b"x" * 20000, b"431"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /run HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET /run HTTP/2.0\r\nHost: g\r\n\r\n", b"505"),
        (head + b"Content-Length: -1\r\n\r\n", b"400"),
        (head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (head + b"Transfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET /run HTTP/1.1\r\nHost: g\r\nX: " + b"x" * 16384 + b"\r\n\r\n", b"431"),  # whole
        (b"GET /run HTTP/1.1\r\nHost: g\r\n" + b"X: \r\n" * 4096 + b"\r\n", b"431"),
        (b"GET /run?" + b"x" * 16384 + b" HTTP/1.1\r\nHost: g\r\n\r\n", b"431"),
        (b"GET ftp://g/run HTTP/1.1\r\nHost: g\r\n\r\n", b"400"),
        (b"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", b"400"),
        (b"CONNECT evil.example:80 HTTP/1.1\r\nHost: g\r\n\r\n", b"400"),
    ):
        raw = served.open(data)
        if not status:
            for _ in range(17):
                raw.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            status = b"413"
        raw.read_until(lambda raw=raw: b"\r\n\r\n" in raw.data)  # type: ignore[misc]
        assert raw.data.startswith(b"HTTP/1.1 " + status), (data[:100], raw.data)
        assert b"application/problem+json" in raw.data
    assert served.get("/groups") == {"groups": []}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"GET /run HT", b"HTTP/1.1 408 "),
        (b"GET /run HTTP/1.1\r\nHost: g\r\n", b"HTTP/1.1 408 "),
        (b"POST /restart HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n\r\n{", b"HTTP/1.1 408 "),
        (b"GET /groups HTTP/1.1\r\nHost: g\r\n\r\n", b"HTTP/1.1 200 "),  # and then nothing
    ],
)
def test_who_is_slow_is_dropped(serve_once: Serve, data: bytes, expected: bytes) -> None:
    served = serve_once(
        limits=Limits(
            header_seconds=0.05, body_seconds=0.05, idle_seconds=0.05, farewell_seconds=0.05
        )
    )
    raw = served.open(data)
    raw.read_to_end()
    assert raw.data.startswith(expected), raw.data


def test_a_byte_now_and_then_is_slow(serve_once: Serve) -> None:
    served = serve_once(limits=Limits(header_seconds=0.2, farewell_seconds=0.05))
    raw = served.open(b"GET /")

    def trickle() -> bool:
        raw.receive()
        if not raw.data:
            raw.send(b"x")
        return raw.data.startswith(b"HTTP/1.1 408 ")

    served.driver.run_until(trickle)
    assert LOOK_INTERVAL < 0.05


def test_a_client_that_reads_nothing_is_dropped(serve_once: Serve) -> None:
    served = serve_once(limits=Limits(stalled_seconds=0.3))
    served.driver.sh("web", "yes $(seq 500)", redirect_output=["stdout"])
    stalled = served.follow("/logs?follow=1")
    attached = served.open(
        f"GET /instances/{served.instance_id('web')}/output HTTP/1.1\r\nHost: g\r\n\r\n".encode()
    )
    for raw in (stalled, attached):
        served.driver.run_until(lambda raw=raw: _is_dropped(raw.socket))  # type: ignore[misc]


def _is_dropped(client: socket.socket) -> bool:
    """Whether the other end is closed, though there is something to be read."""
    try:
        client.send(b"\r\n")
    except BrokenPipeError:
        return True
    except BlockingIOError:
        return False
    return False
