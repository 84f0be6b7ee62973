"""Between aiohttp and the runtime's nouns: reading bodies and keys, writing responses."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

from funcjson.errors import FuncJsonError, Problem
from funcjson.model import HttpResponse

Pairs = tuple[tuple[str, str], ...]


class BodyTooLarge(FuncJsonError):
    """The body is larger than the host takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            Problem(
                "FJ0155",
                "the request's body is too large",
                why=f"the host takes {limit} bytes, as on Azure",
                fix="send less, or send it in parts; the setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT, in bytes, changes the limit",
            )
        )


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The whole body, chunked ones too. Raises BodyTooLarge."""
    content = request.content
    if content.at_eof():
        return b""
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(limit)
    await let_send(request)
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def let_send(request: web.BaseRequest) -> None:
    """Tell a caller who asked first that the body may come."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def response_of(answer: HttpResponse, more: Pairs = ()) -> web.Response:
    """The answer as aiohttp's response; `more` are headers that it may override."""
    headers = answer.headers
    if more:
        given = {name.lower() for name, _ in headers}
        headers += tuple(pair for pair in more if pair[0].lower() not in given)
    if answer.body and not (headers and headers[0][0] == "Content-Type") and not _has_type(headers):
        return _UntypedResponse(body=answer.body, status=answer.status, headers=headers)
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _has_type(headers: Pairs) -> bool:
    return any(name.lower() == "content-type" for name, _ in headers)


class _UntypedResponse(web.Response):
    """A body without a content type, as the real host sends bytes; aiohttp would make one up."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall("Content-Type", None)


def text_response(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(status, (("Content-Type", "text/plain; charset=utf-8"),), body)


def failed(error: FuncJsonError) -> HttpResponse:
    """The caller learns a code and nothing else: the log has the rest."""
    return HttpResponse(500, (("x-funcjson-error", error.problems[0].code),))


def presented_key(request: web.BaseRequest, query: str) -> str | None:
    """The key that a caller shows: the header wins over `code` in the query."""
    given = request.headers.get("x-functions-key")
    if given is None and "code=" in query.lower():
        # As the real host, names of the query are compared without letter case.
        return next((text for name, text in parse_qsl(query) if name.lower() == "code"), None)
    return given


def origin_form(target: str) -> str:
    """The path of a request target that names a whole URL, as clients write it to a proxy."""
    scheme, separator, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if separator and scheme.isalpha() else target


def header_text(text: str) -> str:
    """Text as a header value: ASCII on one line, not too long."""
    plain = text.encode("ascii", "replace").decode()
    return "".join(sign if sign.isprintable() else " " for sign in plain)[:200]
