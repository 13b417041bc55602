"""Holds a running HTTP API against its own OpenAPI document, by schemathesis: within two minutes.

python .ci/schemathesis_run.py [ARGUMENTS FOR schemathesis run ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOKEN = "a-token-for-schemathesis"
DEADLINE = 150.0  # seconds
EXAMPLES = "15"  # of each route
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "unsupported_method"
)
SERVER = """\
import sys
from gaffer_procfile.http import HttpHandler
from gaffer_procfile.manager import Manager

token_file, directory = sys.argv[1:]
manager = Manager()
handler = HttpHandler(None, tcp="0", token_file=token_file)
manager.start(apps=[handler])
settings = {"redirect_output": ["stdout", "stderr"], "redirect_input": True, "os_env": True}
manager.add_process("api:web", "cat", numprocesses=2, port=5000, pty=True, **settings)
manager.add_process("api:worker", "sh -c 'while :; do echo x; sleep 1; done'", **settings)
print(handler.url.partition("/?")[0], flush=True)
manager.run()
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        token_file = Path(directory) / "token"
        token_file.write_text(TOKEN)
        token_file.chmod(0o600)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(token_file), directory],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            command = [
                *("schemathesis", "run", f"{url}/openapi.json"),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--checks", CHECKS, "--max-examples", EXAMPLES, "--request-timeout", "5"),
                *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
                # The first would end the server, the second has no end.
                *("--exclude-path", "/shutdown", "--exclude-path", "/instances/{id}/output"),
                *("--exclude-path", "/readiness"),  # 503 is an answer there
                *sys.argv[1:],
            ]
            hooks = {
                "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                "GAFFER_API": url,
                "GAFFER_TOKEN": TOKEN,
            }
            path = f"{ROOT / '.ci'}{os.pathsep}{ROOT}"
            status = subprocess.run(
                command,
                cwd=directory,
                env=os.environ | hooks | {"PYTHONPATH": path},
                timeout=DEADLINE,
            ).returncode
            if server.poll() is not None:
                print(f"the server ended with {server.returncode}", file=sys.stderr)
                return 1
            return status
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    sys.exit(main())
