"""The files of the web page: those that are there when the first one is asked for, and no others."""

from __future__ import annotations

import os

from .answers import Answer, Problem

DIRECTORY = os.path.join(os.path.dirname(__file__), "page")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Pages:
    """Looks a name up in a list, so that no name can lead anywhere else."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self._files: dict[str, str] = {}
        for base, _directories, names in os.walk(directory):
            for name in names:
                path = os.path.join(base, name)
                known_as = os.path.relpath(path, directory).replace(os.sep, "/")
                if os.path.splitext(name)[1] in TYPES and os.path.isfile(path):
                    self._files[known_as] = path

    def index(self) -> Answer:
        return self._file("index.html")

    def static(self, segments: list[str]) -> Answer:
        return self._file("/".join(["static", *segments]))

    def _file(self, name: str) -> Answer:
        path = self._files.get(name)
        if path is None:
            raise Problem(404, f"no such file: {name[:200]}")
        with open(path, "rb") as file:
            return Answer(200, file.read(), TYPES[os.path.splitext(path)[1]])
