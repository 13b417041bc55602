"""Puts mistakes of gaffer's manager and of the guard back, and shows that their tests fail.

    python tests/mutations.py

Works on copies of the package. Prints a table; the exit status is 1 if a mistake goes unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
TIMEOUT = 60.0  # seconds for one run of a test
AT_ONCE = 2  # runs
TRIES = 3  # of a test whose outcome isn't the expected one: what threads do may differ
DEADLINE = "3"  # seconds, in a test, for anything awaited: most mistakes show by that

MANAGER = "test_manager_mistakes.py"
GUARD = "test_guard.py"
SUPPORT = ("conftest.py", "cli.py", "guarded.py")  # what these files need


class Mutation:
    """A mistake: what to replace by what in which file, and the test that has to notice."""

    def __init__(
        self, name: str, test: str, *edits: tuple[str, str, str], file: str = MANAGER
    ) -> None:
        self.name = name
        self.test = test
        self.edits = edits
        self.file = file  # where the test is

    def apply(self, package: Path) -> None:
        """Change the copy. Raises ValueError where the text to replace isn't there just once."""
        for file, old, new in self.edits:
            path = package / file
            text = path.read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {text.count(old)} times in {file}:\n{old}")
            path.write_text(text.replace(old, new), encoding="utf-8")


MUTATIONS = [
    Mutation(
        "once aliases subscribe",
        "test_once_is_subscribe_once",
        ("manager.py", "    once = subscribe_once\n", "    once = subscribe\n"),
    ),
    Mutation(
        "update_process tests `name not in KeyError`",
        "test_a_known_process_can_be_updated_and_an_unknown_one_not",
        (
            "manager.py",
            '            settings["group"] = state.group\n',
            (
                "            if name not in KeyError:\n                raise KeyError(name)\n"
                '            settings["group"] = state.group\n'
            ),
        ),
    ),
    Mutation(
        "an unformatted %r: process names",
        "test_messages_say_the_name",
        ("manager.py", 'KeyError(f"no such process: {name!r}")', 'KeyError("%r not found")'),
    ),
    Mutation(
        "an unformatted %r: process ids",
        "test_messages_say_the_name",
        (
            "manager.py",
            'KeyError(f"no running process has the id {id}")',
            'KeyError("%s not found")',
        ),
    ),
    Mutation(
        "an unformatted %r: groups",
        "test_messages_say_the_name",
        ("manager.py", 'KeyError(f"no such group: {groupname!r}")', 'KeyError("%r not found")'),
    ),
    Mutation(
        "an unknown group raises with the lock held",
        "test_an_unknown_group_leaves_the_lock_free",
        (
            "manager.py",
            "        self._for_each(self.get_group(groupname), function)\n",
            (
                "        self._lock.acquire()\n"
                "        names = self.get_group(groupname)\n"
                "        self._lock.release()\n"
                "        self._for_each(names, function)\n"
            ),
        ),
    ),
    Mutation(
        "start_process never clears stopped",
        "test_a_stopped_template_can_be_started_again",
        (
            "supervisor.py",
            "        self._cancel_retry(state)\n        state.stopped = False\n",
            "        self._cancel_retry(state)\n",
        ),
    ),
    Mutation(
        "the flapping timer is stopped under another name",
        "test_stopping_a_template_calls_its_retry_off",
        (
            "supervisor.py",
            "timer, state.retry_timer = state.retry_timer, None",
            'timer = getattr(state, "flapping_timer", None)',
        ),
    ),
    Mutation(
        "a wake-up loses a second signal",
        "test_no_request_is_lost_when_several_come_at_once",
        (
            "lifecycle.py",
            "        self._loop.call_soon_threadsafe(self._handle_requests)\n",
            (
                "        if len(self._requests) == 1:  # as an Async handle: woken once for several\n"
                "            self._loop.call_soon_threadsafe(self._handle_requests)\n"
            ),
        ),
        ("lifecycle.py", "        while self._requests:\n", "        if self._requests:\n"),
    ),
    Mutation(
        "a restart doubles the processes for a moment",
        "test_a_restart_never_has_more_processes_than_ports",
        (
            "supervisor.py",
            "        under_way = ",
            (
                "        for number in range(1, state.numprocesses + 1):\n"
                "            self._spawn(state, slots.Slot(number, None))\n"
                "        under_way = "
            ),
        ),
    ),
    *(
        Mutation(
            f"a walk over a dict that others change: {method}",
            test,
            ("manager.py", walk, walk.replace("list(self.processes)", "self.processes")),
        )
        for method, walk, test in [
            (
                "start_processes",
                "self._for_each(list(self.processes), self.start_process)",
                "test_templates_may_be_added_during_a_walk",
            ),
            (
                "stop_processes",
                "self._for_each(list(self.processes), self.stop_process)",
                "test_templates_may_be_added_during_a_walk",
            ),
            (
                "processes_stats",
                "for name in list(self.processes):",
                "test_stats_may_be_read_slowly_while_templates_come_and_go",
            ),
        ]
    ),
    Mutation(
        "a walk over a dict that others change: running_processes",
        "test_running_processes_may_be_walked_while_they_end",
        (
            "manager.py",
            "            return dict(self.running)\n",
            "            return self.running\n",
        ),
    ),
    *(
        Mutation(f"the guard: {name}", test, ("guard.py", old, new), file=GUARD)
        for name, test, old, new in [
            (
                "it adopts nobody",
                "test_the_guard_reaps_while_gaffer_runs",
                "            system.become_subreaper()\n",
                "            pass\n",
            ),
            (
                "it stays in the session, and in the group",
                "test_nothing_that_is_for_gaffer_ends_the_guard",
                "        os.setsid()\n",
                "",
            ),
            (
                "nobody waits until it is ready",
                "test_gaffer_waits_for_a_guard_that_is_slow",
                "        os.read(self._guard, 1)\n",
                "        return\n",
            ),
            (
                "it sweeps once",
                "test_what_is_below_what_is_killed_is_killed_too",
                "            while os.waitpid(-1, os.WNOHANG)[0]:\n                pass\n",
                "            if os.waitpid(-1, os.WNOHANG)[0]:\n                return []\n",
            ),
            (
                "an ignored SIGCHLD stays ignored",
                "test_sigchld_that_is_ignored_takes_no_status",
                "    signal.signal(signal.SIGCHLD, signal.SIG_DFL)",
                "    pass",
            ),
            (
                "a key is passed on to gaffer, which has heard it",
                "test_a_key_is_heard_once",
                (
                    "        if found.si_code != _FROM_KERNEL or found.si_signo not in _FROM_KEYS:\n"
                    "            target.send(found.si_signo)\n"
                ),
                "        target.send(found.si_signo)\n",
            ),
            (
                "the outer one halts before gaffer has",
                "test_the_outer_one_halts_after_gaffer",
                "            target.send(found.si_signo)\n",
                (
                    "            target.send(found.si_signo)\n"
                    "            if found.si_signo == signal.SIGTSTP:\n"
                    "                os.kill(os.getpid(), signal.SIGSTOP)\n"
                ),
            ),
            (
                "a gaffer that hangs is told to stop for ever",
                "test_keys_end_a_gaffer_that_hangs",
                "                target.send(signal.SIGKILL)\n                continue\n",
                "                pass\n",
            ),
            (
                "it doesn't hear that the outer one is gone",
                "test_a_gaffer_that_does_not_hear_that_the_outer_one_is_gone_is_killed",
                "            system.hear_of_parents_end(_OUTER_ENDED)\n",
                "            pass\n",
            ),
            (
                "it waits for what doesn't end when it is killed",
                "test_what_does_not_end_when_killed_keeps_nobody_waiting",
                "signal.sigtimedwait((signal.SIGCHLD,), _DYING) is None",
                "not os.waitpid(-1, 0)",
            ),
            (
                "a killed gaffer's terminal stays as it was",
                "test_a_killed_gaffers_terminal_is_put_back",
                "                    _restore(modes)",
                "                    pass",
            ),
        ]
    ),
]


def run_test(scratch: Path, file: str, test: str) -> subprocess.CompletedProcess[str]:
    """Run a test on the package in `scratch`: `python -m` looks where it runs before all else."""
    env = {
        name: value
        for name, value in os.environ.items()
        # The copies for the mistakes have what was compiled for the one without any.
        if name not in ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE")
    }
    env |= {"GAFFER_LOOP": "selectors", "GAFFER_TEST_DEADLINE": DEADLINE}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # to import them takes longer than a test
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
        f"tests/{file}", "-k", f"{test} and not asyncio",
    ]  # fmt: skip
    return subprocess.run(
        command,
        cwd=scratch,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def prepare(scratch: Path) -> Path:
    """Copy what the tests need; where the copy of the package is."""
    (scratch / "tests").mkdir(parents=True)
    for name in (*SUPPORT, *{mutation.file for mutation in MUTATIONS}):
        shutil.copy(TESTS / name, scratch / "tests")
    shutil.copy(ROOT / "pyproject.toml", scratch)
    ignore = shutil.ignore_patterns("__pycache__", ".*_cache")
    return Path(
        shutil.copytree(ROOT / "gaffer_procfile", scratch / "gaffer_procfile", ignore=ignore)
    )


def is_noticed(mutation: Mutation, unchanged: Path, scratch: Path) -> bool:
    """Whether the test fails with the mistake. Raises RuntimeError if it couldn't be run at all."""
    shutil.copytree(unchanged, scratch)
    mutation.apply(scratch / "gaffer_procfile")
    return has_ended_with(1, scratch, mutation.file, mutation.test)


def has_ended_with(expected: int, scratch: Path, file: str, test: str) -> bool:
    """Whether pytest ends with this status, 0 or 1, in one of some runs."""
    for _ in range(TRIES):
        done = run_test(scratch, file, test)
        if done.returncode == expected:
            return True
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{test}: pytest ended with {done.returncode}\n{done.stdout}")
    print(done.stdout)
    return False


def timed(function: Callable[[], bool]) -> tuple[bool, float]:
    """What it returns, and the seconds that it takes."""
    start = time.monotonic()
    return function(), time.monotonic() - start


def main() -> int:
    survivors = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(AT_ONCE) as pool:
        unchanged = Path(directory, "unchanged")
        prepare(unchanged)
        for file in (MANAGER, GUARD):
            tests = sorted({mutation.test for mutation in MUTATIONS if mutation.file == file})
            if not has_ended_with(0, unchanged, file, f"({' or '.join(tests)})"):
                print("the tests fail without any mistake: nothing is shown")
                return 1
        width = max(len(mutation.name) for mutation in MUTATIONS)

        def try_out(numbered: tuple[int, Mutation]) -> tuple[bool, float]:
            number, mutation = numbered
            scratch = Path(directory, str(number))
            return timed(lambda: is_noticed(mutation, unchanged, scratch))

        for mutation, (noticed, seconds) in zip(
            MUTATIONS, pool.map(try_out, enumerate(MUTATIONS)), strict=True
        ):
            survivors += not noticed
            verdict = "noticed" if noticed else "SURVIVES"
            print(
                f"{mutation.name:<{width}}  {verdict:<8}  {seconds:4.1f} s  {mutation.test}",
                flush=True,
            )
    print(f"{len(MUTATIONS) - survivors} of {len(MUTATIONS)} mistakes noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
