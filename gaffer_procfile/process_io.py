"""What goes into a process and what comes out of it: its pipes, and who listens to them."""

from __future__ import annotations

import errno
import os

from .events import EventEmitter
from .posix.exits import is_scarce
from .posix.pipes import InputPipe, OutputPipe
from .posix.plumbing import Plumbing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .events import Listener
    from .loop import Loop
    from .posix.plumbing import Size

STDIN = "stdin"
WINDOW_SIZE = (24, 80)  # rows and columns


class Stream:
    """An extra two-way pipe of a process. `id` is its label."""

    def __init__(self, io: ProcessIO, emitter: EventEmitter, label: str) -> None:
        self.id = label
        self._io = io
        self._emitter = emitter

    def write(self, data: bytes) -> None:
        """Send `data` to the process. Thread-safe."""
        self._io.send(self.id, data)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(label, {event, name, pid, data})` with its output; b"" is the end."""
        self._emitter.subscribe(self.id, listener)

    def unsubscribe(self, listener: Listener) -> None:
        self._emitter.unsubscribe(self.id, listener)


class ProcessIO:
    """The pipes of one process, `id` and `name` being what its messages carry.

    `on_end()` is called, from the loop, when a stream has been read to its end. Loop's thread only,
    but for `open`, `take_inputs`, `send` and the subscriptions.
    """

    def __init__(
        self,
        loop: Loop,
        id: int,
        name: str,
        on_end: Callable[[], object],
        *,
        redirect_input: bool,
        redirect_output: Sequence[str],
        custom_streams: Sequence[str],
        pty: bool | Size,
        tty: bool | Size,
    ) -> None:
        self._loop = loop
        self._id = id
        self._name = name
        self._on_end = on_end
        self._redirect_input = redirect_input
        self._pty = _size(pty)
        self._tty = _size(tty)
        # One terminal for all is one stream.
        self.labels = list(redirect_output[:1] if self._tty else redirect_output)
        self.emitter = EventEmitter(loop)
        self._stream_emitter = EventEmitter(loop)
        self.streams = {
            label: Stream(self, self._stream_emitter, label) for label in custom_streams
        }
        self._outputs: list[OutputPipe] = []
        self._terminals: list[OutputPipe] = []
        self._inputs: dict[str, InputPipe] = {}
        self._reading = True

    @property
    def is_one_terminal(self) -> bool:
        return self._tty is not None

    @property
    def is_at_its_end(self) -> bool:
        """Whether all that was written has been read."""
        return all(output.closed for output in self._outputs)

    def open(self) -> Plumbing:
        """The descriptors for a spawn. Raises OSError, also when there are too few left for others."""
        plumbing = Plumbing(
            redirect_input=self._redirect_input,
            redirect_output=self.labels,
            custom_streams=list(self.streams),
            pty=self._pty,
            tty=self._tty,
        )
        if is_scarce(max(plumbing.stdio)):
            plumbing.close_theirs()
            plumbing.close_ours()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return plumbing

    def take_inputs(self, plumbing: Plumbing) -> None:
        """Be ready for what is to be written, before anybody hears that the process runs."""
        if plumbing.input is not None:
            self._inputs[STDIN] = InputPipe(self._loop, plumbing.input)
        for label, fd in plumbing.stream_inputs:
            self._inputs[label] = InputPipe(self._loop, fd)

    def watch(self, plumbing: Plumbing) -> None:
        """Begin to read what was opened."""
        for label, fd in plumbing.outputs:
            output = OutputPipe(self._loop, fd, label, self._publish_output)
            self._outputs.append(output)
            if self._pty or self._tty:
                self._terminals.append(output)
        for label, fd in plumbing.streams:
            self._outputs.append(OutputPipe(self._loop, fd, label, self._publish_stream))
        if self._reading:
            self.resume()

    def pause(self) -> None:
        self._reading = False
        for output in self._outputs:
            output.pause()

    def resume(self) -> None:
        self._reading = True
        for output in self._outputs:
            output.resume()

    def drain(self) -> None:
        """Take what is in the pipes now."""
        for output in self._outputs:
            output.drain()

    def send(self, label: str, data: bytes) -> None:
        """Write `data` to the input `label`, when the process takes it. Thread-safe."""
        self._loop.call_soon_threadsafe(self._send_now, label, bytes(data))

    def _send_now(self, label: str, data: bytes) -> None:
        if label in self._inputs:  # else it couldn't be started
            self._inputs[label].write(data)

    def set_window_size(self, rows: int, columns: int) -> bool:
        """Set the size of its pseudo-terminals; whether there are any."""
        terminals = [output for output in self._terminals if not output.closed]
        if terminals:
            from .posix.pty import set_size

            for output in terminals:
                set_size(output.fd, rows, columns)
        return bool(terminals)

    def close_inputs(self) -> None:
        for pipe in self._inputs.values():
            pipe.close()

    def close(self) -> None:
        """Read what is there, and then no more."""
        self.close_inputs()
        self.drain()
        for output in self._outputs:
            output.close()

    def close_emitters(self) -> None:
        self.emitter.close()
        self._stream_emitter.close()

    def _publish_output(self, label: str, data: bytes) -> None:
        self._publish(self.emitter, label, data)

    def _publish_stream(self, label: str, data: bytes) -> None:
        self._publish(self._stream_emitter, label, data)

    def _publish(self, emitter: EventEmitter, label: str, data: bytes) -> None:
        emitter.publish(label, {"event": label, "name": self._name, "pid": self._id, "data": data})
        if not data:
            # Not now: this pipe calls us from its own closing.
            self._loop.call_soon(self._on_end)


def _size(value: bool | Size) -> Size | None:
    if isinstance(value, bool):
        return WINDOW_SIZE if value else None
    return value
