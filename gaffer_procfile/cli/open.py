"""`gaffer open`: the web page of the gaffer that runs."""

from __future__ import annotations

from ..errors import GafferError
from .options import Option
from .remote import find_remotes
from .streams import complain, printable, show
from .verb import CONTROL, show_json, verb_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Show the address of the web page, and open it in a browser. The address has the token in it:
who knows it can control gaffer."""

EXAMPLES = """\
  gaffer open
  gaffer open --print      only show the address"""

OPTIONS = (*CONTROL, Option("--print", action="store_true", help="open no browser"))


def run(argv: Sequence[str]) -> int:
    made = verb_parser(
        "open", OPTIONS, usage="[OPTIONS]", description=DESCRIPTION, examples=EXAMPLES
    )
    args = made.parse_args(argv)
    runs = [remote.connection.get("/run") for remote in find_remotes(args.directory)]
    urls = [each["url"] for each in runs if each["url"]]
    if not urls:
        raise GafferError(
            "the gaffer that runs has no web page", hint="`gaffer start --http 8080` gives it one"
        )
    if args.json:
        show_json({"urls": urls})
    else:
        show("".join(f"{printable(url)}\n" for url in urls))
    if not args.print and not args.json:
        _open(urls)
    return 0


def _open(urls: Sequence[str]) -> None:
    import webbrowser

    for url in urls:
        if not webbrowser.open(url):
            complain("no browser is found here: open the address yourself")
            return
