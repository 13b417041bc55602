"""Which sockets listen on a port, as Linux tells it.

By sock_diag(7), which goes through the listening sockets alone. Where there is no such thing, by
/proc/net/tcp: to read it takes the kernel milliseconds, however few sockets there are.
"""

from __future__ import annotations

import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI")  # family, protocol, extensions, states; a socket's id follows
_ID_SIZE = 48  # bytes; the first two are the port
_INODE_AT = _HEADER.size + 4 + _ID_SIZE + 16
_LISTENS = 10  # TCP_LISTEN
_ANSWER = 65536  # bytes
_PATIENCE = 1.0  # seconds for the kernel's answer, which is there at once


def listening_sockets(port: int) -> list[int]:
    """The inodes of the sockets that listen on a port, by IPv4 or IPv6."""
    try:
        return [
            inode
            for family in (socket.AF_INET, socket.AF_INET6)
            for inode in _ask_kernel(family, port)
        ]
    except OSError:
        return list(_read_tables(port))


def _ask_kernel(family: int, port: int) -> Iterator[int]:
    identity = struct.pack("!H", port).ljust(_ID_SIZE, b"\0")
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << _LISTENS) + identity
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_PATIENCE)
        kernel.send(header + body)
        while True:
            answer = kernel.recv(_ANSWER)
            at = 0
            while at < len(answer):
                length, kind, *_ = _HEADER.unpack_from(answer, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", answer, at + _HEADER.size)[0])
                # Older kernels tell of all ports.
                (found,) = struct.unpack_from("!H", answer, at + _HEADER.size + 4)
                if found == port:
                    yield struct.unpack_from("=I", answer, at + _INODE_AT)[0]
                at += -(-length // 4) * 4


def _read_tables(port: int) -> Iterator[int]:
    ending = f":{port:04X}"
    for table in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{table}") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue  # no IPv6
        for line in lines:
            fields = line.split()
            if fields[1].endswith(ending) and int(fields[3], 16) == _LISTENS:
                yield int(fields[9])
