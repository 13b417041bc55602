"""Keeping secrets out of what is shown and written down."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = b"[redacted]"
SHORTEST = 4  # bytes; a shorter value stands in too many words to be hidden

# A variable is secret if one of the words of its name, between underscores, is one of these.
SECRET_WORDS = frozenset(
    "APIKEY AUTH COOKIE CREDENTIAL CREDENTIALS DSN KEY PASS PASSPHRASE PASSWD PASSWORD PAT PRIVATE "
    "PWD SALT SECRET SECRETS SIGNATURE TOKEN TOKENS WEBHOOK".split()
)

# The password is what is between the first colon and the last @ of what comes before the path.
_PASSWORD_IN_URL = r"://([^:@/?#\s]*):([^/?#\s]+)@"
_NO_LETTERS = "0123456789+.-"  # of a scheme, which begins with a letter
_SCHEME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + _NO_LETTERS


def is_secret(name: str, more: Iterable[str] = ()) -> bool:
    """Whether a variable's name says that its value is a secret, or it is one of `more`."""
    import re  # before the first line is shown nobody asks

    return name in more or not SECRET_WORDS.isdisjoint(re.split(r"[^A-Z0-9]+", name.upper()))


def url_passwords(value: str) -> set[str]:
    """The passwords of the URLs in `value`, as they are written and as they are meant."""
    import re

    found = set()
    for match in re.finditer(_PASSWORD_IN_URL, value):
        user, password = match.groups()
        # Looked for from its end: a pattern would begin anew at each letter of a long value.
        before = value[: match.start()]
        scheme = before[len(before.rstrip(_SCHEME)) :].lstrip(_NO_LETTERS)
        if not scheme:
            continue
        if password in (scheme, user):
            # As in postgres://postgres:postgres@localhost: a word that stands in every other line.
            found.add(f":{password}@")
            continue
        from urllib.parse import unquote

        found |= {password, unquote(password)}
    return found


def secrets(values: Mapping[str, str], more: Iterable[str] = ()) -> list[bytes]:
    """The values to hide, the longest first. `more` names variables that the rule doesn't find.

    Of a variable whose name says nothing, that is the password of each URL in its value.
    """
    more = frozenset(more)
    hidden = {value for name, value in values.items() if is_secret(name, more)}
    for value in values.values():
        hidden |= url_passwords(value)
    found = {value.encode("utf-8", "surrogateescape") for value in hidden}
    # A secret of several lines also leaks line by line.
    found |= {line for value in found for line in value.splitlines()}
    kept = [value for value in found if len(value) >= SHORTEST]
    return sorted(kept, key=lambda value: (-len(value), value))


class Redactor:
    """Replaces secrets in one stream, also those that come in two reads.

    What may be the beginning of a secret is kept back until the next bytes tell, or the end.
    """

    __slots__ = ("_held", "_pattern", "_secrets")

    def __init__(self, secrets: Iterable[bytes]) -> None:
        import re

        self._secrets = tuple(secrets)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        text = self._held + data
        cut = len(text) - self._beginning(text)
        if not any(secret in text for secret in self._secrets):  # ten times as fast as the pattern
            self._held = text[cut:]
            return text[:cut]
        # A secret that began before the cut and is whole lies before it, or the cut lies in it.
        for match in self._pattern.finditer(text):
            if match.start() < cut < match.end():
                cut = match.end()
        self._held = text[cut:]
        return self._pattern.sub(MASK, text[:cut])

    def end(self) -> bytes:
        rest, self._held = self._held, b""
        return self._pattern.sub(MASK, rest)

    def _beginning(self, text: bytes) -> int:
        """How many bytes at the end could be the beginning of a secret."""
        longest = 0
        for secret in self._secrets:
            # Only from where its first byte is: a long secret has many beginnings.
            at = text.find(secret[:1], max(0, len(text) - len(secret) + 1))
            while 0 <= at < len(text) - longest:
                if secret.startswith(text[at:]):
                    longest = len(text) - at
                    break
                at = text.find(secret[:1], at + 1)
        return longest
