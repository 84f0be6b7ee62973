"""One accepted REST request, and how its parameters and body are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from funcjson.signalr.limits import Quotas, group_name_fault
from funcjson.signalr.messages import Sendable
from funcjson.signalr.protocols.json import dump
from funcjson.signalr.rest_body import json_of, message_of
from funcjson.signalr.rest_message import RestRequest, RestResponse
from funcjson.signalr.rest_problem import invalid
from funcjson.signalr.rest_routes import Match
from funcjson.signalr.service import SignalRService

_WHOLE = re.compile(r"\+?[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted request: its row, its query by lower-case name, and the key of its hub."""

    service: SignalRService
    quotas: Quotas
    request: RestRequest
    match: Match
    query: Mapping[str, list[str]]
    hub: str
    origin: str

    def name(self, key: str) -> str:
        """An id of the path; group names are checked."""
        value = self.match.names[key]
        fault = group_name_fault(value) if key == "group" else None
        if fault:
            raise invalid(fault, "shorten it, or give it a visible character", key)
        return value

    def text(self, key: str) -> str | None:
        """The last value of a query parameter; None if absent or empty."""
        return (self.query.get(key.lower()) or [""])[-1] or None

    def number(self, key: str, low: int, high: int) -> int | None:
        """A whole number of the query within these bounds; None if absent."""
        text = self.text(key)
        if text is None:
            return None
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise invalid(
                f"The parameter {key} must be a whole number from {low} to {high}.",
                f"write {key}={low} or more",
                key,
            )
        return int(text)

    def excluded(self) -> tuple[str, ...]:
        """The connection ids to leave out; the parameter may be repeated and is not split."""
        return tuple(self.query.get("excluded", ()))

    def message(self) -> Sendable:
        """The message in the body."""
        return message_of(self.request.headers.get("content-type", ""), self.request.body)

    def value(self) -> Any:
        """Any value in the body; None if there is no body."""
        return json_of(self.request.headers.get("content-type", ""), self.request.body)

    def done(self) -> RestResponse:
        """Success, with nothing more to say."""
        return RestResponse(self.match.status)


def json_response(value: Any) -> RestResponse:
    """200 with a JSON body."""
    return RestResponse(200, {"content-type": "application/json"}, dump(value))
