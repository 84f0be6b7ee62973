"""Failures of REST calls: which may pass by themselves, and what to look at."""

from __future__ import annotations

import pytest

from funcjson.signalr.rest_errors import RestError, dot_segment, empty_argument, refusal
from funcjson.signalr.rest_message import RestResponse

URL = "http://localhost/api/hubs/chat/:send"


@pytest.mark.parametrize(
    ("status", "azure_type", "is_temporary"),
    [
        (400, "AzureSignalRInvalidArgumentException", False),
        (401, "AzureSignalRUnauthorizedException", False),
        (404, "AzureSignalRInaccessibleEndpointException", False),
        (503, "AzureSignalRRuntimeException", True),
    ],
)
def test_each_status_has_the_sdks_exception(
    status: int, azure_type: str, is_temporary: bool
) -> None:
    error = refusal(RestResponse(status), URL, (status,))

    assert (error.azure_type, error.status, error.temporary) == (azure_type, status, is_temporary)


@pytest.mark.parametrize(
    ("response", "hint"),
    [
        (RestResponse(401, {"x-funcjson-hint": "the token expired"}), "the token expired"),
        (RestResponse(401), "AccessKey"),
        (RestResponse(404), "something else listens"),
        (RestResponse(404, {"x-ms-error-code": "Error.X"}), "Error.X"),
        (RestResponse(413), "1 MB"),
        (RestResponse(429, body=b"enough"), "enough"),
        (RestResponse(418), "418"),
    ],
)
def test_the_hint_is_the_likely_cause(response: RestResponse, hint: str) -> None:
    assert hint in refusal(response, URL, (response.status,)).hint


def test_a_call_that_is_wrong_in_itself_is_an_argument_error() -> None:
    errors: list[RestError] = [empty_argument("userId"), dot_segment("userId", "..")]

    assert {error.azure_type for error in errors} == {"ArgumentException"}
    assert str(errors[0]) == "Argument cannot be null or empty. (Parameter 'userId')"
