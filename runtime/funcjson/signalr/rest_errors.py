"""What a REST call to a SignalR service fails with: the SDK's exceptions, their texts word for
word.
"""

from __future__ import annotations

from typing import ClassVar

from funcjson.signalr.errors import SignalRError
from funcjson.signalr.rest_message import ERROR_CODE_HEADER, RestResponse


class RestError(SignalRError):
    """A REST call that failed. `str()` is the SDK's own text; it never holds a key or a token.

    `azure_type` is the .NET exception; `status` is None when nothing answered; `hint` says what to
    look at;
    `temporary` tells that the same call may succeed later; `code` is the service's own word for it.
    """

    azure_type: ClassVar[str] = "AzureSignalRException"

    def __init__(
        self,
        text: str,
        *,
        hint: str = "",
        status: int | None = None,
        temporary: bool = False,
        code: str = "",
    ) -> None:
        super().__init__(text)
        self.hint = hint
        self.status = status
        self.temporary = temporary
        self.code = code


class RestArgumentError(RestError):
    """The call is wrong in itself; no request was made."""

    azure_type = "ArgumentException"


class RestInvalidArgumentError(RestError):
    """400: the service refused the request's content."""

    azure_type = "AzureSignalRInvalidArgumentException"


class RestUnauthorizedError(RestError):
    """401: the token was not accepted."""

    azure_type = "AzureSignalRUnauthorizedException"


class RestInaccessibleError(RestError):
    """404: this is not the REST API of a SignalR service, or it does not know the path."""

    azure_type = "AzureSignalRInaccessibleEndpointException"


class RestRuntimeError(RestError):
    """Any other refusal. `attempts` holds the status of each try, the last one included."""

    azure_type = "AzureSignalRRuntimeException"

    def __init__(
        self,
        text: str,
        *,
        hint: str = "",
        status: int | None = None,
        attempts: tuple[int, ...] = (),
    ) -> None:
        super().__init__(text, hint=hint, status=status, temporary=True)
        self.attempts = attempts


class RestUnreachableError(RestError):
    """Nothing answered: refused, unknown host, TLS failure, or time-out (`timed_out`)."""

    def __init__(self, text: str, *, hint: str = "", timed_out: bool = False) -> None:
        super().__init__(text, hint=hint, temporary=True)
        self.timed_out = timed_out


def empty_argument(parameter: str) -> RestArgumentError:
    """An argument that must have a value has none."""
    return RestArgumentError(
        f"Argument cannot be null or empty. (Parameter '{parameter}')",
        hint=f"give {parameter} a value",
    )


def dot_segment(parameter: str, value: str) -> RestArgumentError:
    """`.` and `..` would be collapsed out of the URL, and a group message become a broadcast."""
    return RestArgumentError(
        f"'{value}' cannot be used as {parameter}: in a URL it means another path",
        hint="use another name; the real client would send this to a wider audience without a word",
    )


def unreachable(url: str, cause: str, *, timed_out: bool = False) -> RestUnreachableError:
    """No response at all; `cause` is the operating system's own text."""
    return RestUnreachableError(
        f"An error happened when making request to {url}",
        hint=f"{cause}; check Endpoint in the connection string, and that the service runs",
        timed_out=timed_out,
    )


def refusal(response: RestResponse, url: str, attempts: tuple[int, ...]) -> RestError:
    """The exception for a response that is not a success."""
    status = response.status
    if status == 400:
        body = response.body.decode("utf-8", "replace")
        return RestInvalidArgumentError(
            "Invalid argument. Caused by one or more of the following reasons:"
            f" {body} Request Uri: {url}",
            hint="the service's reason is in the text",
            status=status,
        )
    if status == 401:
        return RestUnauthorizedError(
            "Authorization failed. If you were using AccessKey, please check connection string and"
            " see if the AccessKey is correct. If you were using Azure Active Directory, please"
            " note"
            " that the role assignments will take up to 30 minutes to take effect if it was added"
            f" recently. Request Uri: {url}",
            hint=response.headers.get("x-funcjson-hint")
            or "the AccessKey of the connection string is not the service's, or the clocks differ",
            status=status,
        )
    if status == 404:
        code = response.headers.get(ERROR_CODE_HEADER)
        return RestInaccessibleError(
            "Unable to access SignalR service. Response status code does not indicate success: 404"
            " (Not Found) Please make sure the endpoint or DNS setting is correct. Request Uri:"
            f" {url}",
            hint=f"the service says {code}" if code else "something else listens at this address",
            status=status,
            code=code or "",
        )
    return RestRuntimeError(
        f"Azure SignalR service runtime error. Request Uri: {url}",
        hint=_why(response),
        status=status,
        attempts=attempts,
    )


_HINTS = {
    408: "the service did not get the request in time",
    413: "the message is too large: a REST body may have 1 MB",
    429: "a quota of the service's tier is used up",
    431: "a header or the token is too large",
    503: "the service is starting, stopping or overloaded",
}


def _why(response: RestResponse) -> str:
    own = response.body.decode("utf-8", "replace").strip()[:500]
    said = f"; it said: {own}" if own else ""
    return _HINTS.get(response.status, f"the service answered {response.status}") + said
