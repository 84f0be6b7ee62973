"""The login twin: /.auth/login, /.auth/me and /.auth/logout, for local users without passwords."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from html import escape
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from funcjson.identity import (
    COOKIE,
    PROVIDERS,
    Named,
    NotAPersona,
    Persona,
    Shape,
    checked,
    cookie_value,
    me,
    persona_from,
    principal_headers,
    seal,
    unseal,
)
from funcjson.login_page import login_page, page
from funcjson.model import HttpRequest, HttpResponse
from funcjson.personas import find_persona, not_among

log = logging.getLogger("funcjson.host")

ROOT = "/.auth"
Headers = tuple[tuple[str, str], ...]

_HTML = ("Content-Type", "text/html; charset=utf-8")
_JSON = ("Content-Type", "application/json; charset=utf-8")
_NO_FRAMES = (
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
)
_NO_STORE = ("Cache-Control", "no-store")
_KEPT_SESSIONS = 1000
# Browsers drop a cookie of more than 4096 bytes without a word.
_LONGEST_COOKIE = 4000
# What may stand in a Location as it is.
_IN_URLS = "!#$%&'()*+,/:;=?@[]~"


class LoginTwin:
    """Signs local users in with a cookie that it signs itself.

    `default` is who every request without a cookie is signed in as. `key` is at least 32 bytes.
    `trusts_origin` says of an origin whether a login may lead back to it, `trusts_host` of a Host header whether it is no
    foreign name that leads here by a trick; `signs_in` is called at each login.

    A cookie has the name of a persona of the app's file, so that a change of the file counts at once, and an invented
    persona as a whole.
    """

    def __init__(  # noqa: PLR0913 - what the host decides about logins
        self,
        personas: Mapping[str, Persona],
        key: bytes,
        clock: Callable[[], float],
        *,
        shape: Shape = "app-service",
        default: str | None = None,
        trusts_origin: Callable[[str], bool] = lambda _origin: False,
        trusts_host: Callable[[str], bool] = lambda _host: True,
        signs_in: Callable[[], None] = lambda: None,
    ) -> None:
        self.personas = personas
        self.shape = shape
        self._key = key
        self._clock = clock
        self._trusts_origin = trusts_origin
        self._trusts_host = trusts_host
        self._signs_in = signs_in
        self.default = find_persona(personas, default) if default else None
        self._default_headers = principal_headers(self.default, shape) if self.default else ()
        # Checking a signature costs more than all the rest of a request.
        self._sessions: dict[str, tuple[float, Persona | None, Headers]] = {}

    def who(self, cookies: str) -> Persona | None:
        """The persona that a Cookie header signs in, else the default one."""
        session = self._session(cookies)
        return session[1] if session is not None else self.default

    def headers(self, cookies: str) -> Headers:
        """The four headers for a request with this Cookie header; none when nobody is signed in."""
        session = self._session(cookies)
        if session is not None:
            return session[2]
        return self._default_headers

    def _session(self, cookies: str) -> tuple[float, Persona | None, Headers] | None:
        value = cookie_value(cookies) if COOKIE in cookies else None
        if value is None:
            return None
        now = self._clock()
        known = self._sessions.get(value)
        if known is None or known[0] <= now:
            known = self._open(value, now)
        return known if known[1] is not None else None

    def _open(self, value: str, now: float) -> tuple[float, Persona | None, Headers]:
        """Who a cookie is of, kept for a minute, so that one that has expired does not live on in here."""
        persona = self._persona_of(value, now)
        if len(self._sessions) >= _KEPT_SESSIONS:
            self._sessions.clear()
        session = (now + 60.0, persona, principal_headers(persona, self.shape) if persona else ())
        self._sessions[value] = session
        return session

    def _persona_of(self, value: str, now: float) -> Persona | None:
        who = unseal(value, self._key, now)
        if isinstance(who, Persona):
            return who
        if who is None:
            log.info(
                "A login cookie was refused: it has expired, or another app or an earlier run signed it. "
                "Sign in again at %s/login/aad. Apps on localhost share their cookies, whatever their ports: "
                "open one of two by http://127.0.0.1",
                ROOT,
            )
            return None
        if not_among(self.personas, who.name) or not self.personas:
            log.info("A login cookie is of '%s', who is no longer among the personas", who.name)
            return None
        return find_persona(self.personas, who.name, who.provider)

    def answer(self, request: HttpRequest) -> HttpResponse | None:
        """The response for a URL below /.auth; None for one that the twin does not know."""
        path = urlsplit(request.url).path.rstrip("/").lower()
        what, _, rest = path.removeprefix(ROOT).lstrip("/").partition("/")
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if what == "me" and not rest:
            return self._me(request, query)
        if what == "logout":
            return self._logged_out() if rest == "complete" else self._logout(request, query)
        if what == "login" and rest == "done":
            return self._done(request)
        if what == "login" and "/" not in rest:
            return self._login(request, query, rest) if rest else _no_provider()
        if what == "refresh" and not rest:
            signed_in = self.who(_cookies(request)) is not None
            return HttpResponse(200 if signed_in else 401)
        return None

    def _me(self, request: HttpRequest, query: Mapping[str, str]) -> HttpResponse:
        persona = self.who(_cookies(request))
        shape: Shape = self.shape
        # So that one page can be tried with both shapes.
        match query.get("shape", "").lower():
            case "swa" | "static-web-apps":
                shape = "static-web-apps"
            case "app-service":
                shape = "app-service"
        if persona is None and shape == "app-service":
            return HttpResponse(401, (_NO_STORE,))
        return _json(me(persona, shape))

    def _login(self, request: HttpRequest, query: Mapping[str, str], provider: str) -> HttpResponse:
        wanted: dict[str, Any] = dict(query)
        if request.method == "POST":
            try:
                wanted |= _form(request)
            except (ValueError, RecursionError) as error:
                return _refused(f"the body is not readable: {error}")
        elif request.method not in ("GET", "HEAD"):
            return HttpResponse(405, (("Allow", "GET, POST"),))
        back = _back(wanted, "post_login_redirect_uri", "post_login_redirect_url", "redirect")
        if back and not self._may_lead_to(back, request):
            return _refused(
                f"post_login_redirect_uri may be a path, or a page of this host, of this machine or of a CORS "
                f"origin; '{back}' is none of them"
            )
        if request.method != "POST" and not wanted.get("persona"):
            return _page(200, login_page(provider, self.personas, back))
        host = _header(request, "host")
        if request.method != "POST" and host and not self._trusts_host(host):
            # A page of that name needs no POST, and its GET has no Origin.
            return _foreign_host(host)
        if request.method != "POST" and self._is_of_another_site(request):
            name = str(wanted["persona"])
            why = f"another site asked for '{name}'; sign in here if you want that"
            typed = {"userDetails": name}
            return _page(200, login_page(provider, self.personas, back, typed, why))
        try:
            persona, known_as = self._wanted(wanted, provider)
            value = self._sealed(known_as or persona)
        except NotAPersona as error:
            if request.method == "POST" and "text/html" in _header(request, "accept"):
                # A browser shows the page's own form: what was typed stays.
                typed = {name: str(value) for name, value in wanted.items()}
                return _page(400, login_page(provider, self.personas, back, typed, str(error)))
            return _refused(str(error))
        self._signs_in()
        cookie = ("Set-Cookie", f"{COOKIE}={value}; {_PLACE}")
        if _is_json(request):
            return _json(me(persona, self.shape), cookie)
        return HttpResponse(302, (_location(back or f"{ROOT}/login/done"), cookie, _NO_STORE))

    def _wanted(self, wanted: dict[str, Any], provider: str) -> tuple[Persona, Named | None]:
        """Who is meant, and the name in the app's file of one who stands there."""
        name = wanted.get("persona")
        if not isinstance(name, str) or not name:
            described = name if isinstance(name, dict) else wanted
            return persona_from(described, provider=provider), None
        persona = checked(find_persona(self.personas, name, provider))
        if unknown := not_among(self.personas, name):
            log.info("'%s' was made up to sign in: %s", name, unknown)
        elif self.personas:
            return persona, Named(name, provider)
        return persona, None

    def _sealed(self, who: Persona | Named) -> str:
        value = seal(who, self._key, self._clock())
        if len(COOKIE) + len(value) > _LONGEST_COOKIE:
            raise NotAPersona(
                f"a cookie cannot hold so much ({len(value)} bytes; browsers keep 4096): describe this persona in "
                "personas.json of the app, and sign in by its name there"
            )
        return value

    def _logout(self, request: HttpRequest, query: Mapping[str, str]) -> HttpResponse:
        back = _back(dict(query), "post_logout_redirect_uri", "post_logout_redirect_url")
        if back and not self._may_lead_to(back, request):
            return _refused(
                "post_logout_redirect_uri leads away from this machine", "not signed out"
            )
        cookie = ("Set-Cookie", f"{COOKIE}=; {_PLACE}; Max-Age=0")
        return HttpResponse(302, (_location(back or f"{ROOT}/logout/complete"), cookie, _NO_STORE))

    def _done(self, request: HttpRequest) -> HttpResponse:
        persona = self.who(_cookies(request))
        name = persona.name if persona else "nobody"
        text = f"<h1>Signed in</h1><p>You are <strong>{escape(name)}</strong>.</p>" + _LINKS
        return HttpResponse(200, (_HTML, _NO_STORE), page("Signed in", text).encode())

    def _logged_out(self) -> HttpResponse:
        still = (
            f"<p>The host was started with --as: who is not signed in is <strong>{escape(self.default.name)}</strong>."
            "</p>"
            if self.default
            else ""
        )
        text = f"<h1>Signed out</h1>{still}{_LINKS}"
        return HttpResponse(200, (_HTML, _NO_STORE), page("Signed out", text).encode())

    def _is_of_another_site(self, request: HttpRequest) -> bool:
        """Whether a browser says that a foreign page led here, and not one that may call."""
        if _header(request, "sec-fetch-site").lower() != "cross-site":
            return False
        page = _split(_header(request, "referer"))
        return not self._trusts_origin(f"{page.scheme}://{page.netloc}")

    def _may_lead_to(self, target: str, request: HttpRequest) -> bool:
        """A path of this host, one of its own pages by whole address, or a page of a trusted origin."""
        if target.startswith("/"):
            # `//host` and `/\host` leave the host.
            return not target.startswith(("//", "/\\")) and target.isprintable()
        parts = _split(target)
        if parts.scheme not in ("http", "https") or "\\" in target or not target.isprintable():
            return False
        # A page cannot choose these two headers for somebody else's browser.
        own = {_header(request, name).lower() for name in ("host", "x-forwarded-host")}
        return parts.netloc.lower() in own - {""} or self._trusts_origin(
            f"{parts.scheme}://{parts.netloc}"
        )


_PLACE = "Path=/; HttpOnly; SameSite=Lax"
_LINKS = (
    '<p><a href="/">Home</a> · <a href="/.auth/me">Who am I</a> · '
    '<a href="/.auth/login/aad">Sign in</a> · <a href="/.auth/logout">Sign out</a></p>'
)


def _form(request: HttpRequest) -> dict[str, Any]:
    """The members of a JSON or form body."""
    text = request.body.decode()
    if not _is_json(request):
        return dict(parse_qsl(text, keep_blank_values=True))
    value = json.loads(text or "{}")
    if isinstance(value, str):
        return {"persona": value}
    if not isinstance(value, dict):
        raise NotAPersona("it must be a JSON object")
    return value


def _back(wanted: dict[str, Any], *names: str) -> str:
    """Where to go afterwards, which is no part of a persona; pages of the SignalR samples say `_url`."""
    return next((str(said) for said in [wanted.pop(name, "") for name in names] if said), "")


def _is_json(request: HttpRequest) -> bool:
    return "json" in _header(request, "content-type").lower()


def _split(url: str) -> SplitResult:
    """The parts of a URL, none of them when it cannot be one."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _cookies(request: HttpRequest) -> str:
    return "; ".join(text for key, text in request.headers if key.lower() == "cookie")


def _header(request: HttpRequest, name: str) -> str:
    return next((text for key, text in request.headers if key.lower() == name), "")


def _json(value: Any, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(200, (_JSON, _NO_STORE, *headers), json.dumps(value).encode())


def _page(status: int, html: str) -> HttpResponse:
    """The page with the form, which no other page may hold in a frame."""
    return HttpResponse(status, (_HTML, _NO_STORE, *_NO_FRAMES), html.encode())


def _location(target: str) -> tuple[str, str]:
    return "Location", quote(target, safe=_IN_URLS)


def _no_provider() -> HttpResponse:
    known = ", ".join(PROVIDERS[1:])
    return _refused(
        f"the address names no provider; open {ROOT}/login/{PROVIDERS[0]}, or write {known} or another one there",
        status=404,
    )


def _foreign_host(host: str) -> HttpResponse:
    return _refused(
        f"'{host}' is no name of this machine, so it may be that of a foreign page; open localhost, "
        f"or let that name in with --cors http://{host}",
        status=403,
    )


def _refused(why: str, what: str = "not signed in", status: int = 400) -> HttpResponse:
    text = ("Content-Type", "text/plain; charset=utf-8")
    return HttpResponse(status, (text,), f"{what}: {why}\n".encode())
