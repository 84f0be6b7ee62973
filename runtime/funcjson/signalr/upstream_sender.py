"""Carries upstream requests over HTTP, and says what stood in the way."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from funcjson.signalr.errors import SignalRError

TIMEOUT_S = 100.0
MAX_RESPONSE_BYTES = 16 << 20
MAX_PARALLEL = 256  # requests of all connections together
HINT_HEADER = "x-funcjson-hint"  # a host of ours says there why it did not take an event


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One event on its way. `url` may hold a secret code in its query."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What the upstream answered; `hint` is its own reason, still as a header."""

    status: int
    body: bytes = b""
    hint: str = ""


class UpstreamFailed(SignalRError):
    """No usable response; `status` is what the client is told."""

    def __init__(self, text: str, status: int = 500) -> None:
        super().__init__(text)
        self.status = status


class ResponseTooLarge(SignalRError):
    """The response has more than MAX_RESPONSE_BYTES."""


class Sender(Protocol):
    """Carries one request to the upstream: HttpSender, or a function of an embedding host."""

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        """The response, whatever its status. Raises UpstreamFailed and ResponseTooLarge."""


class HttpSender:
    """Requests on one kept-alive session; no redirects, no retries. Close it when done."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, request: UpstreamRequest) -> UpstreamResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=MAX_PARALLEL),
            )
        try:
            async with self._session.post(
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer:
                hint = answer.headers.get(HINT_HEADER, "")
                return UpstreamResponse(answer.status, await _bounded(answer), hint)
        except TimeoutError as error:
            raise UpstreamFailed(f"no answer within {self._timeout.total:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamFailed(connection_fault(error)) from error

    async def close(self) -> None:
        """Close the session; the sender can be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    if (answer.content_length or 0) > MAX_RESPONSE_BYTES:
        raise ResponseTooLarge
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
    return bytes(body)


def connection_fault(error: Exception) -> str:
    """Why there was no answer, and what to do; the library's own text where we know no better."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            said = getattr(error.certificate_error, "verify_message", "") or "not trusted"
            return (
                f"its certificate does not hold ({said}): start the service with SSL_CERT_FILE=FILE, "
                "FILE being that certificate (PEM), or use http"
            )
        case aiohttp.ClientConnectorSSLError():
            return f"there is no https: is it http://, not https://? ({error.os_error})"
        case aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return "no such host: mend the UrlTemplate"
        case aiohttp.ClientConnectorError() if error.os_error.errno == errno.ECONNREFUSED:
            return "nothing listens there: start the function app, or mend the UrlTemplate"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "it closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "its answer broke off"
    return str(error) or type(error).__name__
