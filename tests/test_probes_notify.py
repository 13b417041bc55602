"""The probe `notify`: datagrams of real processes, and those that aren't as they should be."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ManagerDriver, open_descriptors
from hypothesis import given
from hypothesis import strategies as st
from test_readiness import Watch
from test_readiness import watch as watch  # the fixture

from gaffer_procfile.config.settings import Probe
from gaffer_procfile.errors import GafferError
from gaffer_procfile.probes import notify
from gaffer_procfile.probes.notify import NotifySockets, parse

# Sends each of its arguments, then waits.
SENDER = """\
import os, socket, sys, time
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for message in sys.argv[1:]:
    sender.sendto(message.encode("utf-8", "surrogateescape"), os.environ["NOTIFY_SOCKET"])
print("sent", flush=True)
time.sleep(1000)
"""


def send(driver: ManagerDriver, watched: object, *messages: str, count: int = 1) -> None:
    app = watched.app  # type: ignore[attr-defined]
    driver.add(
        "web",
        sys.executable,
        args=["-S", "-c", SENDER, *messages],
        numprocesses=count,
        instance_env=app.environment("web"),
        redirect_output=["out", "err"],
    )


def test_it_says_that_it_is_ready(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("notify"))
    send(driver, watched, "STATUS=loading", "MAINPID=4711\nREADY=1\nSTATUS=serving")
    watched.ready("web")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (["READY=0"], "it has not sent READY=1"),
        (["READY"], "it has not sent READY=1"),
        (["", "=1", "\n\n", "\udcff\udcfe=\udcfd", "x" * 60000], "it has not sent READY=1"),
        (
            ["STATUS=loading", "STATUS=\x1b[31mmodels\x07  "],
            "it has not sent READY=1 (it says: [31mmodels)",
        ),
        (["STATUS=" + "x" * 999], f"it has not sent READY=1 (it says: {'x' * 200})"),
    ],
)
def test_it_says_something_else(
    watch: Watch, driver: ManagerDriver, messages: list[str], reason: str
) -> None:
    watched = watch(web=Probe("notify", timeout=0.7))
    send(driver, watched, *messages)
    output = driver.capture(driver.process("web"))
    assert watched.not_ready("web") == reason
    assert output.data == b"sent\n"


def test_what_comes_after_nonsense_counts(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("notify"))
    send(driver, watched, "", "READY=2", "\udcff", "READY=1")
    watched.ready("web")


def test_each_instance_speaks_for_itself(
    watch: Watch, driver: ManagerDriver, tmp_path: Path
) -> None:
    watched = watch(web=Probe("notify", timeout=0.7))
    (tmp_path / "sender.py").write_text(SENDER)
    script = f"test $N != 2 || exec sleep 100; exec {sys.executable} -S sender.py READY=1"
    env = {"N": "{instance}", **watched.app.environment("web")}
    driver.sh("web", script, numprocesses=3, instance_env=env, cwd=str(tmp_path))
    driver.run_until_event("not_ready")
    assert [event["instance"] for event in driver.of("not_ready")] == [2]
    assert sorted(event["instance"] for event in driver.of("ready")) == [1, 3]


def test_successors_and_those_that_are_added(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("notify"))
    send(driver, watched, "READY=1")
    watched.ready("web")
    driver.manager.restart_process("web")
    watched.ready("web", 2)
    driver.manager.ttin("web", 5)
    watched.ready("web", 7)
    assert {event["instance"] for event in driver.of("ready")} == set(range(1, 7))


def test_a_template_of_a_later_plan(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch()
    watched.probes["web"] = Probe("notify")
    send(driver, watched, "READY=1")
    watched.ready("web")


def test_its_directory_is_private_and_goes_away(watch: Watch, driver: ManagerDriver) -> None:
    watched = watch(web=Probe("notify"), worker=Probe("port"))
    assert watched.app.environment("worker") == {}
    path = Path(watched.app.environment("web")["NOTIFY_SOCKET"])
    assert path.name.endswith(".{instance}")
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
    driver.stop()
    assert not path.parent.exists()


def test_a_directory_that_has_gone_before_the_end(
    watch: Watch, driver: ManagerDriver, caplog: pytest.LogCaptureFixture
) -> None:
    """A runtime directory goes with its user's last session."""
    watched = watch(web=Probe("notify"))
    path = Path(watched.app.environment("web")["NOTIFY_SOCKET"])
    shutil.rmtree(path.parent)
    driver.stop()
    assert not caplog.records, "the loop would have gone on without an end"


def test_no_place_for_its_sockets_is_said_in_a_line(
    driver: ManagerDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_place", lambda: str(tmp_path / "gone"))
    sockets = NotifySockets()
    sockets.environment("web")
    with pytest.raises(GafferError, match=r"^no sockets for notify: .*/gone/gaffer-\S+: No such"):
        sockets.open(driver.loop, lambda _name: 1)
    sockets.close()


def test_nothing_is_left_where_there_is_room_for_some_of_them_only(
    driver: ManagerDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_place", lambda: str(tmp_path))
    monkeypatch.setattr(notify, "_bound", _bound_but_for("1.1"))
    sockets = NotifySockets()
    sockets.environment("web")
    sockets.environment("worker")
    before = open_descriptors()
    with pytest.raises(GafferError, match="No space left on device"):
        sockets.open(driver.loop, lambda _name: 1)
    assert open_descriptors() == before and os.listdir(tmp_path) == []


def test_one_that_is_added_and_has_no_socket_is_not_ready(
    watch: Watch, driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_bound", _bound_but_for("0.1"))
    watched = watch()
    watched.probes["web"] = Probe("notify", timeout=0.3)
    driver.sh("web", "sleep 60", instance_env=watched.app.environment("web"))
    said = watched.not_ready("web")
    assert said.startswith("no sockets for notify: ") and said.endswith(": No space left on device")


def _bound_but_for(name: str) -> Callable[[str], socket.socket]:
    bound = notify._bound

    def bind(path: str) -> socket.socket:
        if os.path.basename(path) == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return bound(path)

    return bind


def test_nothing_is_made_where_nobody_notifies(watch: Watch, driver: ManagerDriver) -> None:
    watch(web=Probe("port"))
    ours = f"gaffer-{os.getpid()}-"
    assert not [name for name in os.listdir(notify._place()) if name.startswith(ours)]


@given(st.binary())
def test_no_datagram_is_a_fault(message: bytes) -> None:
    assert all(name and "\n" not in name for name in parse(message))


NO_NEWLINE = st.characters(exclude_characters="\n", exclude_categories=["Cs"])


@given(st.dictionaries(st.from_regex(r"[A-Z_]+", fullmatch=True), st.text(NO_NEWLINE)))
def test_what_is_written_is_read(variables: dict[str, str]) -> None:
    message = "\n".join(f"{name}={value}" for name, value in variables.items())
    assert parse(message.encode()) == variables
