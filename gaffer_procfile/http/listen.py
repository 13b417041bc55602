"""A TCP address that is listened on, and the token that whoever connects has to know."""

from __future__ import annotations

import _socket
import os

from ..control import BACKLOG
from ..errors import GafferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ..control import UnixListener

# Where all of this machine's addresses are listened on, the one that a browser is to open.
_OPENED: dict[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}

# What may follow `Authorization: Bearer`, and stand in a cookie.
_TOKEN_CHARACTERS = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="
)


class ListenError(GafferError):
    """An address that can't be listened on."""


class TcpListener:
    """A TCP address; who connects has to know the token."""

    is_local: Literal[False] = False

    def __init__(self, address: str, *, has_token_file: bool) -> None:
        self.host, port = split_address(address)
        family = _socket.AF_INET6 if ":" in self.host else _socket.AF_INET
        self.socket = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            self.socket.bind((self.host, port))
            bound, self.port, *_rest = self.socket.getsockname()
            # By what the name has led to, whatever it looks like.
            self.is_loopback: bool = bound == "::1" or bound.startswith("127.")
            if not self.is_loopback and not has_token_file:
                raise ListenError(
                    f"{self.host} can be reached from other machines",
                    hint="give the token by a file that only you can read (--http-token-file)",
                )
            self.socket.listen(BACKLOG)
            self.socket.setblocking(False)
        except (OSError, TypeError) as error:  # the second, of what can be no name of a host
            self.socket.close()
            text = (getattr(error, "strerror", None) or str(error)).lower()
            raise ListenError(f"can't listen on {address}: {text}") from error
        except ListenError:
            self.socket.close()
            raise

    @property
    def origin(self) -> str:
        """The beginning of its URLs."""
        host = _OPENED.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def admits(self, connection: _socket.socket) -> bool:
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        return True

    def close(self) -> None:
        self.socket.close()


if TYPE_CHECKING:
    Listener = UnixListener | TcpListener


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; a host with colons stands in brackets. Raises ListenError."""
    host, _colon, port = address.rpartition(":")
    is_number = port.isdecimal() and port.isascii() and len(port) <= 5
    if not is_number or int(port) > 65535:
        raise ListenError(f"not an address: {address!r}", hint="[HOST:]PORT is one")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ListenError(f"not an address: {address!r}", hint="[::1]:PORT is one")
    return host or "127.0.0.1", int(port)


def read_token(path: str) -> str:
    """The token in a file that only its owner can read. Raises ListenError."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(4097).strip()
    except OSError as error:
        raise ListenError(f"can't read {path}: {(error.strerror or '').lower()}") from error
    if mode & 0o077:
        raise ListenError(f"{path} can be read by others", hint=f"chmod 600 {path}")
    if not _TOKEN_CHARACTERS.issuperset(token):
        raise ListenError(
            f"{path} holds no token", hint="a token is one line of letters, digits and -._~+/="
        )
    if not 16 <= len(token) <= 4096:
        raise ListenError(f"{path} holds no token", hint="a token is 16 to 4096 characters long")
    return token.decode("ascii")


def in_query(token: str) -> str:
    """A token as a parameter's value, where `+` would be a blank."""
    return token.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
