"""The probe `notify`: whether the process has said READY=1 by the protocol of sd_notify(3)."""

from __future__ import annotations

import os
import shutil
import socket
import time

from ..errors import GafferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..loop import Loop
    from .subject import Subject

    Receiver = Callable[[bytes], object]

VARIABLE = "NOTIFY_SOCKET"
LONGEST_MESSAGE = 65536  # bytes
LONGEST_STATUS = 200  # characters
LONGEST_PLACE = 50  # bytes
SPARE = 2  # sockets of instances that may be added: they are there before the process is
MESSAGES = 64  # that one socket may take of a turn of the loop


class NotifySockets:
    """A datagram socket for each instance of some templates, in a directory for us alone.

    `environment` may be asked before `open`, from where on there is what it speaks of.
    """

    def __init__(self) -> None:
        self._directory = os.path.join(_place(), f"gaffer-{os.getpid()}-{time.monotonic_ns():x}")
        self._is_made = False
        self._numbers: dict[str, int] = {}  # of the templates
        self._loop: Loop | None = None
        self._sockets: dict[tuple[str, int], socket.socket] = {}
        self._receivers: dict[tuple[str, int], Receiver] = {}

    def environment(self, name: str) -> dict[str, str]:
        """What the `instance_env` of a template has to have."""
        if name not in self._numbers:
            self._numbers[name] = len(self._numbers)
            if self._loop is not None:
                try:
                    self._listen_up_to(name, 1)
                except GafferError:
                    pass  # `subscribe` tries it once more, and there it is told
        return {VARIABLE: self._path(name, "{instance}")}

    def _path(self, name: str, instance: object) -> str:
        return os.path.join(self._directory, f"{self._numbers[name]}.{instance}")

    def open(self, loop: Loop, count: Callable[[str], int]) -> None:
        """Listen for as many instances as `count` says of each template.

        Raises GafferError where there is no place for the sockets.
        """
        self._loop = loop
        try:
            for name in self._numbers:
                self._listen_up_to(name, count(name))
        except GafferError:
            self.close()
            raise

    def _listen_up_to(self, name: str, count: int) -> None:
        for instance in range(1, count + SPARE + 1):
            if (name, instance) not in self._sockets:
                self._listen(name, instance)

    def _listen(self, name: str, instance: int) -> None:
        assert self._loop is not None
        try:
            if not self._is_made:
                os.mkdir(self._directory, 0o700)
                self._is_made = True
            listener = _bound(self._path(name, instance))
        except OSError as error:
            text = f"no sockets for notify: {self._directory}: {error.strerror}"
            hint = "TMPDIR or XDG_RUNTIME_DIR names another place"
            raise GafferError(text, hint=hint) from error
        self._sockets[name, instance] = listener
        # A turn later: a process may send before its `spawn` is told.
        self._loop.add_reader(listener.fileno(), self._loop.call_soon, self._read, (name, instance))

    def subscribe(self, name: str, instance: int, receive: Receiver) -> None:
        """Give the datagrams that an instance sends from now on to `receive`. Raises GafferError."""
        self.environment(name)
        self._listen_up_to(name, instance)
        self._receivers[name, instance] = receive

    def unsubscribe(self, name: str, instance: int, receive: Receiver) -> None:
        if self._receivers.get((name, instance)) == receive:
            del self._receivers[name, instance]

    def _read(self, key: tuple[str, int]) -> None:
        for _ in range(MESSAGES):
            listener = self._sockets.get(key)
            if listener is None:
                return
            try:
                message = listener.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                return
            receive = self._receivers.get(key)
            if receive is not None:
                receive(message)

    def close(self) -> None:
        if self._loop is None or not self._is_made:
            return
        for listener in self._sockets.values():
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._sockets.clear()
        self._is_made = False
        # It may have gone: a runtime directory goes with the last session of its user.
        shutil.rmtree(self._directory, ignore_errors=True)


class NotifyCheck:
    """Hears what one instance says of itself."""

    def __init__(
        self, sockets: NotifySockets, subject: Subject, on_ready: Callable[[], object]
    ) -> None:
        self._sockets = sockets
        self._subject = subject
        self._on_ready = on_ready
        self._status = ""
        self._problem: str | None = None

    @property
    def fault(self) -> str:
        if self._problem is not None:
            return self._problem
        said = f" (it says: {self._status})" if self._status else ""
        return f"it has not sent READY=1{said}"

    def start(self) -> None:
        subject = self._subject
        try:
            self._sockets.subscribe(subject.name, subject.instance, self._handle_message)
        except GafferError as error:
            self._problem = error.message

    def close(self) -> None:
        self._sockets.unsubscribe(self._subject.name, self._subject.instance, self._handle_message)

    def _handle_message(self, message: bytes) -> None:
        variables = parse(message)
        if "STATUS" in variables:
            status = variables["STATUS"][:LONGEST_STATUS]
            self._status = "".join(c for c in status if c.isprintable()).strip()
        if variables.get("READY") == "1":
            self.close()
            self._on_ready()


def _bound(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        listener.setblocking(False)
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    return listener


def _place() -> str:
    """A directory for ours: the name of a socket may have about a hundred bytes, not more."""
    for variable in ("XDG_RUNTIME_DIR", "TMPDIR"):
        place = os.environ.get(variable, "")
        if place and len(os.fsencode(place)) <= LONGEST_PLACE and os.access(place, os.W_OK):
            return place
    return "/tmp"


def parse(message: bytes) -> dict[str, str]:
    """The variables of a datagram; lines that aren't `NAME=value` say nothing."""
    lines = message.decode(errors="replace").split("\n")
    pairs = (line.partition("=") for line in lines)
    return {name: value for name, equals, value in pairs if name and equals}
