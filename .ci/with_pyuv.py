"""Run a command in an environment that has pyuv, building pyuv where it isn't there yet.

    CFLAGS="-include '…/gaffer_procfile/pyuv_compat.h'" python .ci/with_pyuv.py pytest -n 2

CFLAGS are for the build alone, the command doesn't see them. Where nothing can be built, for want
of a C compiler or of Python's headers, the command is skipped with a message and status 0;
GAFFER_REQUIRE_PYUV=1 in the environment makes that status 1.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PYUV = "pyuv==1.4.0"


def missing() -> str | None:
    """What this machine lacks to build an extension, or None."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler})"
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"no {header} (Debian's package python3-dev has it)"
    return None


def main(command: list[str]) -> int:
    if importlib.util.find_spec("pyuv") is None:
        reason = missing()
        if reason is not None:
            print(f"pyuv can't be built here: {reason}. Nothing was run on pyuv.", flush=True)
            return 1 if os.environ.get("GAFFER_REQUIRE_PYUV") == "1" else 0
        # pip keeps a wheel by its name: an older one, built who knows how, would hide a failure.
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", PYUV]
        subprocess.run(install, check=True)
    environment = {name: value for name, value in os.environ.items() if name != "CFLAGS"}
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
