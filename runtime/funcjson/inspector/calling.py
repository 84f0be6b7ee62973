"""Be a client from the page: real requests to the host as a persona, and tokens for a hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from yarl import URL

from funcjson.identity import COOKIE
from funcjson.inspector.inspected import Inspected, Refusal, shown_of, text_in
from funcjson.inspector.sending import endpoint_of
from funcjson.signalr.credentials import client_url, mint_client_token

_TIME_LIMIT_S = 120.0
_MOST_BYTES = 256_000
_EXPIRED_S = 2 * 3600.0


class Caller:
    """Makes requests over the host's own port, as a browser of a persona would; close it when done."""

    def __init__(self, host: Inspected) -> None:
        self._host = host
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`{"method", "path", "body", "persona", "origin"}` -> the answer, masked, and what CORS says."""
        answer, content = await self._request(body)
        shown = shown_of(self._host)
        text = content[:_MOST_BYTES].decode("utf-8", "replace")
        origin = text_in(body, "origin")
        return {
            "status": answer.status,
            "headers": [
                {"name": name, "value": shown.header(name, value)}
                for name, value in answer.headers.items()
            ],
            "body": shown.json_text(text) if text else None,
            "cors": _cors(origin, answer.headers) if origin else None,
        }

    async def connect(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a client needs to connect: `{"url", "accessToken"}`, from a negotiate function or made here.

        `{"path", "persona"}` asks a function, `{"hub", "user", "expired"}` makes a token.
        """
        hub = text_in(body, "hub")
        if hub:
            return self._made(hub, text_in(body, "user"), bool(body.get("expired")))
        answer, content = await self._request({**body, "method": "POST"})
        if answer.status == 404 or answer.status == 405:
            answer, content = await self._request({**body, "method": "GET"})
        if answer.status != 200:
            raise Refusal(
                f"negotiate answered {answer.status}, so the client gets no url and no token; "
                "see the invocation under Activity"
            )
        try:
            info = json.loads(content)
            return {"url": str(info["url"]), "accessToken": str(info["accessToken"])}
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(
                "negotiate answered 200 without url and accessToken: it must return the value of "
                "its signalRConnectionInfo input as JSON"
            ) from error

    def _made(self, hub: str, user: str, expired: bool) -> dict[str, Any]:
        endpoint = endpoint_of(self._host)
        services = self._host.version.services
        assert services is not None
        now = services.now() - (_EXPIRED_S if expired else 0.0)
        token = mint_client_token(endpoint, hub, now=now, user_id=user or None)
        return {"url": client_url(endpoint, hub), "accessToken": token}

    async def _request(self, body: Mapping[str, Any]) -> tuple[aiohttp.ClientResponse, bytes]:
        path = text_in(body, "path")
        if not path.startswith("/") or path.startswith("//"):
            raise Refusal("a path starts with one /")
        persona, text = text_in(body, "persona"), text_in(body, "body")
        headers: dict[str, str] = {}
        if persona:
            headers["Cookie"] = f"{COOKIE}={await self._cookie(persona)}"
        if text:
            headers["Content-Type"] = "application/json" if _is_json(text) else "text/plain"
        if origin := text_in(body, "origin"):
            headers["Origin"] = origin
        method = text_in(body, "method", "GET").upper()
        return await self._send(method, path, headers, text.encode())

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=_TIME_LIMIT_S),
            )
        try:
            url = URL(f"{self._host.url}{path}")
            async with self._session.request(
                method, url, headers=headers, data=content or None, allow_redirects=False
            ) as answer:
                return answer, await answer.read()
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise Refusal(f"the request failed: {error or type(error).__name__}") from error

    async def _cookie(self, persona: str) -> str:
        """A session cookie of a persona, as the login gives it; a new one each time, since they expire."""
        wanted = json.dumps({"persona": persona}).encode()
        answer, _ = await self._send(
            "POST", "/.auth/login/aad", {"Content-Type": "application/json"}, wanted
        )
        cookies = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        if COOKIE not in cookies:
            raise Refusal(f"'{persona}' could not be signed in ({answer.status})")
        return cookies[COOKIE].value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _cors(origin: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Whether a browser would let a page of this origin read the answer."""
    allowed = headers.get("Access-Control-Allow-Origin", "")
    if not allowed:
        why = "the answer has no Access-Control-Allow-Origin"
    elif allowed not in ("*", origin):
        why = f"the answer allows {allowed} only"
    elif allowed == "*" or headers.get("Access-Control-Allow-Credentials") != "true":
        why = "credentials are not allowed, and the SignalR client sends them"
    else:
        why = ""
    return {"origin": origin, "readable": not why, "why": why}
