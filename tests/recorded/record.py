"""Records what tools write to a terminal: `python tests/recorded/record.py NAME ...`.

They run on a pseudo-terminal as gaffer gives it to a process: 24 by 80, no newline translated, no
echo. What they fetch comes slowly, from a server in here. docker's client is real, and the daemon
that it asks is a stand-in, with the messages of a pull in the order of a real one.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

SIZE = 400_000  # bytes
PIECE = 8000  # bytes
PAUSE = 0.04  # seconds
RECORDED = Path(__file__).parent


class SlowFile(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        for _ in range(SIZE // PIECE):
            self.wfile.write(b"x" * PIECE)
            time.sleep(PAUSE)

    def log_message(self, *args: object) -> None:
        """Not to be recorded."""


class Daemon(BaseHTTPRequestHandler):
    """Answers what `docker pull` asks: the client is docker's own, and what it paints."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(b"OK")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.44")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for message in pull_messages():
            data = json.dumps(message).encode() + b"\r\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            time.sleep(PAUSE)
        self.wfile.write(b"0\r\n\r\n")

    def address_string(self) -> str:
        return "docker"

    def log_message(self, *args: object) -> None:
        """Not to be recorded."""


class UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


def pull_messages() -> list[dict[str, object]]:
    layers = ["1f2a3b4c5d6e", "2a3b4c5d6e7f", "3b4c5d6e7f80"]
    total = 3_400_000
    found: list[dict[str, object]] = [{"status": "Pulling from library/shop", "id": "latest"}]

    def tell(layer: str, status: str, current: int | None = None) -> None:
        detail = {} if current is None else {"current": current, "total": total}
        found.append({"status": status, "progressDetail": detail, "id": layer})

    for layer in layers:
        tell(layer, "Pulling fs layer")
    tell(layers[2], "Waiting")
    for status, last in (("Downloading", "Download complete"), ("Extracting", "Pull complete")):
        for tenth in range(1, 11):
            for layer in layers:
                tell(layer, status, total * tenth // 10)
        for layer in layers:
            if status == "Downloading":
                tell(layer, "Verifying Checksum")
            tell(layer, last)
    found.append({"status": "Digest: sha256:" + "0123456789abcdef" * 4})
    found.append({"status": "Status: Downloaded newer image for shop:latest"})
    return found


def record(command: Sequence[str], environment: dict[str, str], directory: str) -> bytes:
    """What `command` writes to its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=directory,
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | environment,
    )
    os.close(theirs)
    data = b""
    while chunk := _read(ours):
        data += chunk
    os.close(ours)
    if process.wait():
        raise SystemExit(f"{command} ended with {process.returncode}: {data!r}")
    return data


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # EIO: the other side of the pty is closed
        return b""


def crates(directory: str) -> None:
    """Four small crates, the last one in need of the others."""
    names = ["paint", "parse", "store", "shop"]
    for name in names:
        source = Path(directory, name, "src")
        source.mkdir(parents=True)
        needs = names[:-1] if name == "shop" else []
        lines = "".join(f'{need} = {{ path = "../{need}" }}\n' for need in needs)
        Path(directory, name, "Cargo.toml").write_text(
            f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{lines}'
        )
        if name == "shop":
            (source / "main.rs").write_text("fn main() {}\n")
        else:
            functions = "".join(
                f'pub fn f{n}(x: u64) -> String {{ format!("{{x}}") }}\n' for n in range(400)
            )
            (source / "lib.rs").write_text(functions)


def commands(directory: str, url: str, socket: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    return {
        "wget": (["wget", "-O", "/dev/null", f"{url}/shop.tar"], {}),
        "curl": (["curl", "-o", "/dev/null", f"{url}/shop.tar"], {}),
        "curl_bar": (["curl", "-#", "-o", "/dev/null", f"{url}/shop.tar"], {}),
        "docker_pull": (["docker", "pull", "shop"], {"DOCKER_HOST": f"unix://{socket}"}),
        "cargo": (
            ["cargo", "build", "--offline", "--manifest-path", "shop/Cargo.toml"],
            {"CARGO_TERM_PROGRESS_WHEN": "always", "CARGO_TERM_PROGRESS_WIDTH": "60"},
        ),
    }


def main(names: Sequence[str]) -> None:
    files: HTTPServer = ThreadingHTTPServer(("127.0.0.1", 0), SlowFile)
    with tempfile.TemporaryDirectory() as directory:
        socket = f"{directory}/docker.sock"
        servers = [files, UnixServer(socket, Daemon)]
        for server in servers:
            serve: Callable[[], None] = server.serve_forever
            threading.Thread(target=serve, daemon=True).start()
        crates(directory)
        url = f"http://127.0.0.1:{files.server_port}"
        for name in names:
            command, environment = commands(directory, url, socket)[name]
            data = record(command, environment, directory)
            data = data.replace(directory.encode(), b"/src")
            (RECORDED / f"{name}.bin").write_bytes(data)
        for server in servers:
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    main(sys.argv[1:])
