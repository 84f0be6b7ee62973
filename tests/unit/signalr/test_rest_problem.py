"""Refusals: the service's error body, and the members that say the fix."""

from __future__ import annotations

import json

from funcjson.signalr.limits import Excess
from funcjson.signalr.rest_problem import absent, excessive, invalid, unsupported_media_type


def test_a_problem_has_the_services_members_and_those_of_rfc_9457() -> None:
    response = invalid("The arguments must be an array.", "send []", "arguments").response()

    assert response.status == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-ms-error-code"] == "Error.Request.Invalid"
    assert json.loads(response.body) == {
        "code": "Error.Request.Invalid",
        "message": "The arguments must be an array.",
        "target": "arguments",
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The arguments must be an array.",
        "fix": "send []",
    }


def test_absence_carries_the_code_that_sdks_know() -> None:
    response = absent("Warning.User.NotExisted", "no").response()

    assert (response.status, response.headers["x-ms-error-code"]) == (
        404,
        "Warning.User.NotExisted",
    )


def test_a_passed_limit_keeps_its_status() -> None:
    assert excessive(Excess(429, "what", "fix")).response().status == 429


def test_a_wrong_media_type_is_told_the_right_ones() -> None:
    problem = unsupported_media_type("text/plain", ("application/json", "application/x-msgpack"))

    assert problem.status == 415
    assert problem.fix == "send application/json or application/x-msgpack"
