"""Who may ask: the token, and what keeps other pages of a browser from asking in its name."""

from __future__ import annotations

from hmac import compare_digest

from .answers import Answer, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .listen import TcpListener
    from .requests import Request

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Access:
    """The rules for a request. A unix socket has been through its own: the peer's uid."""

    def __init__(self, token: str | None, hosts: Sequence[str]) -> None:
        self._token = token
        self._hosts = {host.lower() for host in hosts}

    def check(self, request: Request) -> None:
        """Raise Problem unless the request may be carried out."""
        self._check_origin(request)
        listener = request.listener
        if not listener.is_local:
            self._check_host(request, listener)
            self._check_token(request, listener)

    def _check_origin(self, request: Request) -> None:
        """What a browser says of the page that asks; programs say nothing."""
        origin = request.header("origin")
        if origin is not None and origin != f"http://{request.header('host')}":
            raise Problem(403, f"pages of {origin[:200]} may not ask")
        is_link = request.path == "/" and request.header("sec-fetch-mode") == "navigate"
        if request.header("sec-fetch-site") in ("cross-site", "same-site") and not is_link:
            raise Problem(403, "other pages may not ask")

    def _check_host(self, request: Request, listener: TcpListener) -> None:
        """A name that leads here by somebody else's DNS is none of ours."""
        host = (request.header("host") or "").lower()
        name, colon, _port = host.rpartition(":")
        if not colon or host.endswith("]"):
            name = host
        if name in self._hosts or name == "localhost":
            return
        import ipaddress

        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            pass
        else:
            if address.is_loopback or not listener.is_loopback:
                return
        raise Problem(403, f"this is not {name[:200] or 'a host without a name'}")

    def _check_token(self, request: Request, listener: TcpListener) -> None:
        scheme, _space, given = (request.header("authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return
        if any(map(self._is_token, request.query().get("token", ()))):
            return
        if self._is_token(_cookie(request, cookie_name(listener))):
            if request.method in SAFE_METHODS or request.header("origin") is not None:
                return
            raise Problem(403, "a cookie is good for a change only from a page of ours")
        raise Problem(
            401,
            "the token is missing or wrong",
            hint="it is in the URL that gaffer shows, or goes into Authorization: Bearer",
            headers=[("WWW-Authenticate", "Bearer")],
        )

    def _is_token(self, given: str) -> bool:
        return self._token is not None and compare_digest(given.encode(), self._token.encode())

    def welcome(self, request: Request) -> Answer | None:
        """For a browser that comes with the token in the URL: a cookie, and the URL without it."""
        if request.listener.is_local or request.method != "GET":
            return None
        if request.path != "/" or "token" not in request.query():
            return None
        name = cookie_name(request.listener)
        cookie = f"{name}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [("Location", "/"), ("Set-Cookie", cookie)]
        return Answer(303, b"", None, headers=headers)


def cookie_name(listener: TcpListener) -> str:
    """One per port: cookies don't tell ports apart."""
    return f"gaffer-{listener.port}"


def _cookie(request: Request, wanted: str) -> str:
    for part in (request.header("cookie") or "").split(";"):
        name, _equals, value = part.strip().partition("=")
        if name == wanted:
            return value
    return ""
