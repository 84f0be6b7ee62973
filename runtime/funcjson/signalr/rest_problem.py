"""Refusals of the REST surface: the service's error body, with members of RFC 9457 that say the
fix.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from funcjson.signalr.errors import SignalRError
from funcjson.signalr.limits import Excess
from funcjson.signalr.rest_message import (
    ERROR_CODE_HEADER,
    REASON_HEADER,
    RestResponse,
    header_text,
)

REQUEST_INVALID = "Error.Request.Invalid"
NO_CONNECTION = "Warning.Connection.NotExisted"
NO_USER = "Warning.User.NotExisted"
NO_GROUP = "Warning.Group.NotExisted"
NOT_IN_GROUP = "Info.User.NotInGroup"
CONNECTION_GONE = "Error.Connection.NotExisted"


class RestProblem(SignalRError):
    """A request that is refused.

    `code` is one of the service's own words, `target` the member or parameter, `position` the
    character in it, counted from 1, `headers` are more of ours.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fix: str = "",
        target: str = "",
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fix = fix
        self.target = target
        self.position = position
        self.headers: dict[str, str] = {}

    def response(self, headers: Mapping[str, str] | None = None) -> RestResponse:
        """The answer to send.

        `code`, `message`, `target` are the service's; the others are RFC 9457's, `position`
        and `fix`.
        """
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        body |= {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
        }
        if self.position is not None:
            body["position"] = self.position
        if self.fix:
            body["fix"] = self.fix
        return RestResponse(
            self.status,
            {
                "content-type": "application/problem+json",
                ERROR_CODE_HEADER: self.code,
                **self.headers,
                **(headers or {}),
            },
            json.dumps(body).encode(),
        )


def invalid(message: str, fix: str, target: str = "") -> RestProblem:
    """400: the request's content is wrong."""
    return RestProblem(400, REQUEST_INVALID, message, fix=fix, target=target)


def excessive(excess: Excess) -> RestProblem:
    """A limit or quota is passed."""
    return RestProblem(excess.status, REQUEST_INVALID, excess.what, fix=excess.fix)


def unsupported_media_type(given: str, known: tuple[str, ...], fix: str = "") -> RestProblem:
    """415: a body that this operation cannot read."""
    return RestProblem(
        415,
        REQUEST_INVALID,
        f"The content type '{given}' is not supported.",
        fix=fix or f"send {' or '.join(known)}",
        target="Content-Type",
    )


def absent(code: str, message: str, fix: str = "", gap: str = "") -> RestProblem:
    """404 with the code by which an SDK knows that the service itself says so.

    `gap` is why not every node was asked.
    """
    if gap:
        message = f"{message.rstrip('.')} on the nodes that answered; {gap}."
    problem = RestProblem(404, code, message, fix=fix)
    if gap:
        problem.headers[REASON_HEADER] = header_text(gap)
    return problem
