"""The JSON Schemas of what is sent and answered: they check the bodies, and the document shows them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

MOST_PROCESSES = 500  # of one template by this API: they are started at once
_NO_NUL = "^[^\\u0000]*$"
_TEXT: Schema = {"type": "string", "pattern": _NO_NUL}
_SOME_TEXT: Schema = {"type": "string", "pattern": "^[^\\u0000]+$"}
_SECONDS: Schema = {"type": "number", "minimum": 0, "maximum": 1_000_000}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MOST_PROCESSES}
_USER: Schema = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, _SOME_TEXT]}
_ENV: Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[^=\\u0000]+$"},
    "additionalProperties": _TEXT,
}
_SIGNAL: Schema = {
    "description": "HUP, SIGHUP or 1",
    "anyOf": [
        {"type": "string", "pattern": "^(SIG)?[A-Z][A-Z0-9]*$"},
        {"type": "integer", "minimum": 1, "maximum": 64},
    ],
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def _or_null(*types: str) -> Schema:
    return {"type": [*types, "null"]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_STRING: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_BOOLEAN: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "format": "date-time"}

# ---- what is sent

SETTINGS: dict[str, Schema] = {
    "args": {
        "description": "follow the command; a text is split as a shell splits it",
        "anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 1000}],
    },
    "env": {**_ENV, "description": "the whole environment, on top of gaffer's with os_env"},
    "cwd": {**_SOME_TEXT, "description": "the directory to run in"},
    "shell": {**_BOOLEAN, "description": "have /bin/sh run the command"},
    "expand": {
        **_BOOLEAN,
        "description": "replace $NAME in the command and its words from env, without shell (true)",
    },
    "os_env": {**_BOOLEAN, "description": "pass gaffer's own environment on"},
    "numprocesses": {**_COUNT, "description": "how many to run"},
    "restart": {"enum": ["always", "on-failure", "never"], "description": "what follows an exit"},
    "port": {
        "type": "integer",
        "minimum": 1,
        "maximum": 65535 - MOST_PROCESSES,
        "description": "PORT of the first instance; the others have the next ones",
    },
    "stop_signal": {**_SIGNAL, "description": "what stops it (TERM)"},
    "stop_timeout": {**_SECONDS, "description": "seconds until SIGKILL"},
    "graceful_timeout": {**_SECONDS, "description": "stop_timeout by its older name"},
    "stop_tree": {
        **_BOOLEAN,
        "description": "stop all it has started with it, not after it (true)",
    },
    "redirect_output": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "maxItems": 2,
        "description": "labels for stdout, then stderr: what has one is read",
    },
    "redirect_input": {**_BOOLEAN, "description": "open its standard input"},
    "pty": {**_BOOLEAN, "description": "a pseudo-terminal for each output"},
    "tty": {**_BOOLEAN, "description": "one terminal for its input and output"},
    "detach": {**_BOOLEAN, "description": "leave it running when gaffer ends"},
    "uid": {**_USER, "description": "the user to run as"},
    "gid": {**_USER, "description": "the group to run as"},
    "instance_env": {**_ENV, "description": "variables in which {instance} is the number"},
    "depends_on": {
        "type": "array",
        "items": _SOME_TEXT,
        "maxItems": 1000,
        "description": "names of those that are stopped after this one",
    },
    "flapping": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "attempts": {"type": "integer", "minimum": 1, "maximum": 1000},
            "window": _SECONDS,
            "retry_in": _SECONDS,
            "max_retry": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        },
        "description": "when it is stopped because it exits too often",
    },
    "back_off": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "first": {**_SECONDS, "description": "before the first restart (0.5)"},
            "factor": {"type": "number", "minimum": 1, "maximum": 1000},
            "cap": {**_SECONDS, "description": "the longest (10)"},
            "jitter": {"type": "number", "minimum": 0, "maximum": 1},
            "quiet": _SECONDS,
            "attempts": {"type": "integer", "minimum": 1, "maximum": 1000},
            "window": _SECONDS,
        },
        "description": "how long it waits before a restart (as `--restart`, unless with flapping)",
    },
}
SOME_SETTINGS: Schema = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "cmd": {**_SOME_TEXT, "description": "the command"},
        "start": {**_BOOLEAN, "description": "whether it is started (true)"},
        **SETTINGS,
    },
}
ALL_SETTINGS: Schema = {
    "type": "object",
    "required": ["cmd"],
    "additionalProperties": False,
    "properties": SOME_SETTINGS["properties"],
}
NEW_PROCESS: Schema = {
    "type": "object",
    "required": ["name", "cmd"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^([A-Za-z0-9_.-]+:)?[A-Za-z0-9_-]+$"},
        **SOME_SETTINGS["properties"],
    },
}
SCALE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "numprocesses": _COUNT,
        "by": {"type": "integer", "minimum": -MOST_PROCESSES, "maximum": MOST_PROCESSES},
    },
    "anyOf": [{"required": ["numprocesses"]}, {"required": ["by"]}],
}
SIGNAL: Schema = {
    "type": "object",
    "required": ["signal"],
    "additionalProperties": False,
    "properties": {
        "signal": _SIGNAL,
        "tree": {**_BOOLEAN, "description": "also all that it has started (false)"},
    },
}
INPUT: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"text": _STRING, "base64": {"type": "string", "pattern": "^[A-Za-z0-9+/=]*$"}},
    "anyOf": [{"required": ["text"]}, {"required": ["base64"]}],
}
WINDOW: Schema = {
    "type": "object",
    "required": ["rows", "columns"],
    "additionalProperties": False,
    "properties": {
        "rows": {"type": "integer", "minimum": 1, "maximum": 10000},
        "columns": {"type": "integer", "minimum": 1, "maximum": 10000},
    },
}
SHUTDOWN: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"kill": {**_BOOLEAN, "description": "don't wait any longer (false)"}},
}

# ---- what is answered

_INSTANCE = _object(
    {
        "name": _STRING,
        "process": {**_STRING, "description": "as a person calls it"},
        "instance": _INTEGER,
        "state": {
            "enum": [
                "pending",
                "starting",
                "running",
                "stopping",
                "backing-off",
                "stopped",
                "exited",
                "failed",
                "gave-up",
                "removed",
            ]
        },
        "id": {**_or_null("integer"), "description": "the manager's number of the process"},
        "os_pid": _or_null("integer"),
        "port": _or_null("integer"),
        "ready": {**_or_null("boolean"), "description": "null: nobody looks"},
        "not_ready": {
            **_or_null("string"),
            "description": "why it wasn't ready in time; or, pending, why it can't be started",
        },
        "since": {**_or_null("string"), "description": "when the process was started"},
        "uptime": {**_or_null("number"), "description": "seconds"},
        "restarts": _INTEGER,
        "exit_status": {**_or_null("integer"), "description": "of the last one that ended here"},
        "term_signal": _or_null("integer"),
        "reason": {
            **_or_null("string"),
            "description": "why the command couldn't be executed, or why its exit status isn't known",
        },
        "streams": _list(_STRING),
        "input": {**_BOOLEAN, "description": "whether it takes input"},
        "terminal": {**_BOOLEAN, "description": "whether it has a terminal"},
    }
)
_PROCESS = _object(
    {
        "name": _STRING,
        "group": _or_null("string"),
        "cmd": _STRING,
        "active": {**_BOOLEAN, "description": "false: it was stopped"},
        "running": _INTEGER,
        "numprocesses": _INTEGER,
        "restart": _STRING,
        "restarts": _INTEGER,
        "instances": _list(ref("Instance")),
    },
    {"settings": {"type": "object"}},
)
_READINESS_OF_ONE = _object(
    {
        "name": _STRING,
        "process": _STRING,
        "instance": _INTEGER,
        "id": _or_null("integer"),
        "state": _STRING,
        "ready": _or_null("boolean"),
    }
)
ANSWERS: dict[str, Schema] = {
    "Accepted": _object({"accepted": _BOOLEAN}, {"bytes": _INTEGER}),
    "Problem": _object(
        {"type": _STRING, "title": _STRING, "status": _INTEGER, "detail": _STRING},
        {"hint": {**_STRING, "description": "what to do instead"}},
    ),
    "Run": _object(
        {
            "run": {**_STRING, "description": "a name that no other run has"},
            "pid": _INTEGER,
            "since": _TIME,
            "directory": _or_null("string"),
            "version": _STRING,
            "python": _STRING,
            "stopping": _BOOLEAN,
            "socket": _or_null("string"),
            "url": _or_null("string"),
        },
        {
            "exit_policy": {
                "enum": ["first", "failure", "all", "never", "exit-on"],
                "description": "what ends it, where `gaffer start` has begun it",
            },
            "changed_files": {
                **_list(_STRING),
                "description": "the files of its plan that have changed since, unless it watches them",
            },
            "log_faults": {
                **_list(_STRING),
                "description": "which log files it can't write, and why",
            },
        },
    ),
    "Readiness": _object({"ready": _BOOLEAN, "processes": _list(_READINESS_OF_ONE)}),
    "Group": _object({"name": _STRING, "processes": _list(_STRING)}),
    "Groups": _object({"groups": _list(ref("Group"))}),
    "Instance": _INSTANCE,
    "Instances": _object({"instances": _list(ref("Instance"))}),
    "Process": _PROCESS,
    "Processes": _object({"processes": _list(ref("Process"))}),
    "Signalled": _object({"signalled": _list(_INTEGER)}),
    "Stats": _object(
        {
            "id": _INTEGER,
            "name": _STRING,
            "process": _STRING,
            "instance": _INTEGER,
            "os_pid": _INTEGER,
            "cpu": {**_NUMBER, "description": "% of one core since the last look"},
            "mem": {**_NUMBER, "description": "% of the machine"},
            "rss": {**_INTEGER, "description": "bytes"},
            "vms": {**_INTEGER, "description": "bytes"},
            "cpu_seconds": _NUMBER,
            "time": _TIME,
        }
    ),
    "AllStats": _object({"stats": _list(ref("Stats"))}),
    "Event": _object(
        {"id": _STRING, "time": _TIME, "event": _STRING, "name": _STRING},
        {
            "instance_id": _INTEGER,
            "os_pid": _or_null("integer"),
            "instance": _INTEGER,
            "process": _STRING,
        },
    ),
    "Events": _object({"run": _STRING, "events": _list(ref("Event")), "next": _STRING}),
    "Line": _object(
        {
            "time": _TIME,
            "name": _STRING,
            "process": _STRING,
            "instance": _INTEGER,
            "line": {**_STRING, "description": "U+FFFD where it isn't UTF-8"},
        },
        {
            "id": {**_INTEGER, "description": "not of a line from disk"},
            "stream": {**_STRING, "description": "not of a line from disk"},
            "os_pid": {**_INTEGER, "description": "not of a line from disk"},
            "from": {"enum": ["disk"], "description": "it was read from the log files"},
            "base64": {**_STRING, "description": "the bytes, where they aren't UTF-8"},
            "partial": {**_BOOLEAN, "description": "the line is cut"},
        },
    ),
    "Lines": _object(
        {"run": _STRING, "lines": _list(ref("Line")), "next": _STRING, "skipped": _INTEGER}
    ),
}
