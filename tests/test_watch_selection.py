"""Which files are watched: paths, globs, ignores and .gitignore, on real directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gaffer_procfile.watching.selection import Selection


def never() -> bool:
    return False


def make(directory: Path, *names: str) -> None:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def chosen(selection: Selection, directory: Path) -> set[str]:
    return {str(Path(path).relative_to(directory)) for path in selection.files(never)}


FILES = ("a.py", "b.txt", "src/a.py", "src/b.txt", "src/deep/a.py", "lib/x/src/a.py", ".env")
PATHS = {
    "all": (["."], set(FILES)),
    "a directory": (["src"], {"src/a.py", "src/b.txt", "src/deep/a.py"}),
    "with a slash": (["./src/"], {"src/a.py", "src/b.txt", "src/deep/a.py"}),
    "a file": ([".env"], {".env"}),
    "several": (["a.py", "lib"], {"a.py", "lib/x/src/a.py"}),
    "a glob is of its directory": (["*.py"], {"a.py"}),
    "a glob below": (["src/*.py"], {"src/a.py"}),
    "everything just in it": (["src/*"], {"src/a.py", "src/b.txt"}),
    "at any depth": (["**/*.py"], {"a.py", "src/a.py", "src/deep/a.py", "lib/x/src/a.py"}),
    "at any depth below": (["src/**/*.py"], {"src/a.py", "src/deep/a.py"}),
    "directories by a glob": (["lib/*/src"], {"lib/x/src/a.py"}),
    "one character": (["?.txt"], {"b.txt"}),
    "one of a class": (["[ab].*"], {"a.py", "b.txt"}),
    "nothing there": (["nope", "no/*.pe"], set()),
}


@pytest.mark.parametrize(("paths", "expected"), PATHS.values(), ids=PATHS)
def test_paths(tmp_path: Path, paths: list[str], expected: set[str]) -> None:
    make(tmp_path, *FILES)
    assert chosen(Selection(str(tmp_path), paths), tmp_path) == expected


def test_a_path_out_of_the_directory(tmp_path: Path) -> None:
    make(tmp_path, "api/a.py", "shared/b.py", "shared/c.txt")
    selection = Selection(str(tmp_path / "api"), ["../shared/*.py", "."])
    assert chosen(selection, tmp_path) == {"api/a.py", "shared/b.py"}


def test_a_glob_of_files_looks_no_deeper(tmp_path: Path) -> None:
    make(tmp_path, "services/a/Procfile", "services/b/Procfile/x", "services/a/deep/Procfile")
    selection = Selection(str(tmp_path), ["services/*/Procfile"], only_files=True)
    assert chosen(selection, tmp_path) == {"services/a/Procfile"}
    watched = {Path(path).relative_to(tmp_path) for path in selection.directories(never)}
    assert watched == {Path(), Path("services"), Path("services/a"), Path("services/b")}


def test_what_is_called_like_a_glob(tmp_path: Path) -> None:
    make(tmp_path, "app/[id]/a.py", "app/i/b.py", "app/x/c.py")
    assert chosen(Selection(str(tmp_path), ["app/[id]"]), tmp_path) == {"app/[id]/a.py"}
    assert chosen(Selection(str(tmp_path), ["app/[ix]/*.py"]), tmp_path) == {
        "app/i/b.py",
        "app/x/c.py",
    }


def test_an_absolute_path(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py", "b/x.py")
    selection = Selection("/", [str(tmp_path / "a"), f"{tmp_path}/b/*.py"])
    assert chosen(selection, tmp_path) == {"a/x.py", "b/x.py"}


ALWAYS = (
    ".git/HEAD",
    "src/.git/HEAD",
    "node_modules/x/index.js",
    "src/node_modules/x.js",
    "src/__pycache__/a.pyc",
    ".venv/lib/a.py",
    "src/a.py~",
    "src/.a.py.swp",
    "src/.a.py.swo",
    "src/.#a.py",
    "src/#a.py#",
    "src/4913",
    "src/a.py___jb_tmp___",
)


@pytest.mark.parametrize("name", ALWAYS)
def test_what_is_always_ignored(tmp_path: Path, name: str) -> None:
    make(tmp_path, "src/a.py", name)
    selection = Selection(str(tmp_path), [".", "**/*"], ["!*"])
    assert chosen(selection, tmp_path) == {"src/a.py"}
    assert not selection.includes(str(tmp_path / name))


def test_no_directory_is_watched_that_is_ignored(tmp_path: Path) -> None:
    make(tmp_path, "src/a.py", "node_modules/x/y/z.js", "tmp/a/b", "build/c/d", ".gitignore")
    (tmp_path / ".gitignore").write_text("build/\n")
    found = Selection(str(tmp_path), ["."], ["tmp"]).directories(never)
    assert found == {str(tmp_path), str(tmp_path.parent), str(tmp_path / "src")}


def test_no_directory_is_watched_that_no_glob_reaches(tmp_path: Path) -> None:
    make(tmp_path, "src/a.py", "src/deep/a.py", "lib/x.py")
    found = Selection(str(tmp_path), ["src/*.py"]).directories(never)
    assert found == {str(tmp_path), str(tmp_path / "src")}


IGNORES = {
    "a name anywhere": (["*.log"], {"keep/c.txt", "src/b.py", "tmp/d.py"}),
    "a directory": (["tmp/", "keep"], {"a.log", "src/a.log", "src/b.py"}),
    "from the top": (["/*.log"], {"keep/c.txt", "src/a.log", "src/b.py", "tmp/d.py"}),
    "but not": (["*.log", "!src/*.log"], {"keep/c.txt", "src/a.log", "src/b.py", "tmp/d.py"}),
}


@pytest.mark.parametrize(("ignore", "expected"), IGNORES.values(), ids=IGNORES)
def test_ignores(tmp_path: Path, ignore: list[str], expected: set[str]) -> None:
    make(tmp_path, "a.log", "src/a.log", "src/b.py", "tmp/d.py", "keep/c.txt")
    assert chosen(Selection(str(tmp_path), ["."], ignore), tmp_path) == expected


@pytest.mark.parametrize("line", ["!", "\\", "a\\", "[z-a]", "!/"])
def test_a_line_that_is_no_pattern_says_nothing(tmp_path: Path, line: str) -> None:
    make(tmp_path, "a.log", "b.py")
    (tmp_path / ".gitignore").write_text(f".gitignore\n{line}\n*.log\n")
    assert chosen(Selection(str(tmp_path), ["."]), tmp_path) == {"b.py"}
    assert chosen(Selection(str(tmp_path), ["."], [line, "*.py"]), tmp_path) == set()
    assert Selection(str(tmp_path), ["[z-a].py"]).missing() == [str(tmp_path / "[z-a].py")]


def test_gitignores_down_to_the_file(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "b.py", "src/c.log", "src/keep.log", "src/gen/d.py", "src/e.py")
    (tmp_path / ".gitignore").write_text("*.log\n.gitignore\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.log\n/gen\n")
    selection = Selection(str(tmp_path), ["."])
    assert chosen(selection, tmp_path) == {"b.py", "src/keep.log", "src/e.py"}
    without = Selection(str(tmp_path), ["."], [".gitignore"], gitignore=False)
    assert len(chosen(without, tmp_path)) == 6


def test_a_gitignore_with_a_byte_order_mark_and_with_names_in_any_encoding(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "b.py", os.fsdecode(b"caf\xe9"))
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbf*.log\ncaf\xe9\n.gitignore\n")
    assert chosen(Selection(str(tmp_path), ["."]), tmp_path) == {"b.py"}


def test_gitignores_up_to_the_top_of_the_repository(tmp_path: Path) -> None:
    make(tmp_path, "repo/.git/HEAD", "repo/api/a.log", "repo/api/b.tmp", "repo/api/c.py")
    (tmp_path / ".gitignore").write_text("*.py\n")  # another repository's
    (tmp_path / "repo" / ".gitignore").write_text("*.log\n/api/*.tmp\n")
    api = tmp_path / "repo" / "api"
    assert chosen(Selection(str(api), ["."]), api) == {"c.py"}


def test_what_is_named_is_not_ignored_but_what_is_below_may_be(tmp_path: Path) -> None:
    make(tmp_path, "dist/app.js", "dist/app.map", ".env", "node_modules/mine/index.js")
    (tmp_path / ".gitignore").write_text("dist/\n.env\n*.map\n")
    selection = Selection(str(tmp_path), ["dist", ".env", "node_modules/mine"])
    assert chosen(selection, tmp_path) == {"dist/app.js", ".env", "node_modules/mine/index.js"}


def test_an_ignore_wins_over_gitignore(tmp_path: Path) -> None:
    make(tmp_path, "schema.json", "other.json")
    (tmp_path / ".gitignore").write_text("*.json\n.gitignore\n")
    assert chosen(Selection(str(tmp_path), ["."], ["!schema.json"]), tmp_path) == {"schema.json"}


def test_what_is_missing(tmp_path: Path) -> None:
    make(tmp_path, "src/a.py")
    selection = Selection(str(tmp_path), ["src", "nope/deeper", "gone/*.py"])
    assert selection.missing() == [str(tmp_path / "nope/deeper"), str(tmp_path / "gone")]
    assert str(tmp_path) in selection.directories(never)
    assert selection.includes(str(tmp_path / "nope/deeper/a.py"))


def test_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/x.py", "src/a.py")
    (tmp_path / "src" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "src" / "self").symlink_to(tmp_path / "src")
    selection = Selection(str(tmp_path), ["src"])
    assert chosen(selection, tmp_path) == {"src/a.py", "src/link", "src/self"}


def test_a_link_that_is_named_is_followed(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/x.py")
    (tmp_path / "src").symlink_to(tmp_path / "elsewhere")
    assert chosen(Selection(str(tmp_path), ["src"]), tmp_path) == {"elsewhere/x.py"}


def test_a_walk_ends_when_it_is_told_to(tmp_path: Path) -> None:
    make(tmp_path, *(f"{number}/a" for number in range(20)))
    answers = iter([False, False, True])
    assert len(list(Selection(str(tmp_path), ["."]).files(lambda: next(answers)))) <= 1
