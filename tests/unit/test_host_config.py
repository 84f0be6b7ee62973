"""host.json: defaults, values, and what is said about wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.errors import Location, Severity
from funcjson.host_config import HostConfig, read_host_config


def read(document: Any, environment: dict[str, str] | None = None) -> HostConfig:
    folded = {name.lower(): text for name, text in (environment or {}).items()}
    return read_host_config(
        document,
        lambda pointer: Location("host.json", pointer=pointer),
        lambda name: folded.get(name.lower()),
    )


def v2(**members: Any) -> dict[str, Any]:
    return {"version": "2.0", **members}


def test_no_file_is_the_default() -> None:
    assert read(None) == HostConfig()


def test_values_are_read_in_any_letter_case() -> None:
    config = read(
        v2(
            FunctionTimeout="00:10:00",
            Extensions={
                "HTTP": {
                    "RoutePrefix": "v1",
                    "maxOutstandingRequests": 5,
                    "maxConcurrentRequests": "2",
                    "customHeaders": {"X-A": 1},
                },
                "signalR": {},
            },
            functions=["a", "b"],
            customHandler={"description": {"defaultExecutablePath": "h"}},
            extensionBundle={"id": "x"},
            watchDirectories=["shared"],
            watchFiles=["x.txt"],
        )
    )

    assert config.problems == ()
    assert (config.route_prefix, config.function_timeout_s) == ("v1", 600)
    assert (config.max_outstanding_requests, config.max_concurrent_requests) == (5, 2)
    assert config.custom_headers == {"X-A": "1"}
    assert config.functions == ("a", "b")
    assert config.custom_handler == {"description": {"defaultExecutablePath": "h"}}
    assert config.extension_bundle
    assert (config.watch_directories, config.watch_files) == (("shared",), ("x.txt",))
    assert set(config.extensions) == {"HTTP", "signalR"}


@pytest.mark.parametrize(
    ("document", "azure"),
    [
        ({}, "missing the required 'version' property"),
        ({"version": "4.0"}, "'4.0' is an invalid value for host.json 'version' property."),
        ({"version": "3.0"}, "This does not correspond to the function runtime version"),
        ({"version": 2}, "'2' is an invalid value"),
    ],
)
def test_a_wrong_version_is_an_error(document: dict[str, Any], azure: str) -> None:
    (problem,) = read(document).problems

    assert (problem.code, problem.severity) == ("FJ0111", Severity.ERROR)
    assert azure in (problem.azure or "")


@pytest.mark.parametrize(
    ("text", "seconds"), [("-1", None), ("00:00:01", 1.0), ("1.00:00:00", 86400.0)]
)
def test_timeouts(text: str, seconds: float | None) -> None:
    assert read(v2(functionTimeout=text)).function_timeout_s == seconds


@pytest.mark.parametrize("text", ["5 minutes", "00:00:00.5", "00:00:00"])
def test_a_wrong_timeout_is_an_error_that_stops_the_start(text: str) -> None:
    (problem,) = read(v2(functionTimeout=text)).problems

    assert (problem.code, problem.severity) == ("FJ0112", Severity.ERROR)
    assert "the host does not start" in problem.why
    assert "default" not in problem.why


@pytest.mark.parametrize(
    ("text", "days"), [("10", "10 days"), ("1", "1 day"), ("90:00:00", "90 days")]
)
def test_a_timeout_that_means_days_without_saying_so_is_warned_about(text: str, days: str) -> None:
    config = read(v2(functionTimeout=text))

    (problem,) = config.problems
    assert (problem.code, problem.severity) == ("FJ0112", Severity.WARNING)
    assert f"is {days}" in problem.what
    assert config.function_timeout_s == int(days.split()[0]) * 86400


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("functionsTimeout", "did you mean 'functionTimeout'?"),
        ("http", 'move it to "extensions": {"http": ...}'),
        ("zzz", "remove it"),
    ],
)
def test_unknown_members_are_warned_about(name: str, fix: str) -> None:
    (problem,) = read(v2(**{name: {}})).problems

    assert (problem.code, problem.severity, problem.fix) == ("FJ0113", Severity.WARNING, fix)


def test_the_older_section_of_a_custom_handler_is_used_with_a_word() -> None:
    old, new = {"description": {"defaultExecutablePath": "a"}}, {"description": {}}
    alone = read(v2(httpWorker=old))
    beside = read(v2(httpWorker=old, customHandler=new))

    assert (alone.custom_handler, alone.is_http_worker) == (old, True)
    assert (beside.custom_handler, beside.is_http_worker) == (new, False)
    assert [(p.code, str(p.where)) for p in (*alone.problems, *beside.problems)] == [
        ("FJ0116", "host.json  /httpWorker")
    ] * 2


def test_slashes_around_the_prefix_are_dropped_with_a_word() -> None:
    config = read(v2(extensions={"http": {"routePrefix": "/api/"}}))

    assert config.route_prefix == "api"
    assert [problem.code for problem in config.problems] == ["FJ0115"]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"extensions": {"http": {"routePrefix": 5}}}, "/extensions/http/routePrefix"),
        (
            {"extensions": {"http": {"maxConcurrentRequests": "many"}}},
            "/extensions/http/maxConcurrentRequests",
        ),
        (
            {"extensions": {"http": {"maxOutstandingRequests": True}}},
            "/extensions/http/maxOutstandingRequests",
        ),
        ({"functions": {"a": 1}}, "/functions"),
        ({"logging": {"logLevel": {"default": "Loud"}}}, "/logging/logLevel/default"),
        (
            {"extensions": {"http": {"maxConcurrentRequests": float("inf")}}},
            "/extensions/http/maxConcurrentRequests",
        ),
        ({"retry": 5}, "/retry"),
        ({"extensions": "x"}, "/extensions"),
        ({"extensions": {"http": "x"}}, "/extensions/http"),
        ({"extensions": {"http": {"customHeaders": ["a"]}}}, "/extensions/http/customHeaders"),
        ({"logging": []}, "/logging"),
        ({"logging": {"logLevel": "Debug"}}, "/logging/logLevel"),
        ({"customHandler": "handler"}, "/customHandler"),
    ],
)
def test_wrong_kinds_are_warned_about_at_their_place(
    document: dict[str, Any], pointer: str
) -> None:
    config = read(v2(**document))

    assert [problem.code for problem in config.problems] == ["FJ0114"]
    assert config.problems[0].where == Location("host.json", pointer=pointer)


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"X-A": "a\r\nX-B: c"}, "/X-A"),
        ({"X-A": "a\x00"}, "/X-A"),
        ({"X-A": "é"}, "/X-A"),
        ({"X-A": ["a"]}, "/X-A"),
        ({"X A": "a"}, "/X A"),
        ({"": "a"}, "/"),
        ({"a/b": "a"}, "/a~1b"),
        ({"Content-Length": "5"}, "/Content-Length"),
        ({"transfer-encoding": "chunked"}, "/transfer-encoding"),
    ],
)
def test_a_header_that_cannot_be_sent_is_left_out_with_a_warning(
    headers: dict[str, Any], pointer: str
) -> None:
    config = read(v2(extensions={"http": {"customHeaders": {**headers, "X-Good": "1"}}}))

    assert config.custom_headers == {"X-Good": "1"}
    assert [(p.code, p.severity, p.where) for p in config.problems] == [
        (
            "FJ0114",
            Severity.WARNING,
            Location("host.json", pointer=f"/extensions/http/customHeaders{pointer}"),
        )
    ]


def test_retry_with_a_fixed_delay() -> None:
    config = read(
        v2(retry={"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:00:10"})
    )

    assert config.retry is not None
    assert (config.retry.max_retry_count, config.retry.delay_s) == (3, 10)


def test_retry_grows_by_default() -> None:
    config = read(
        v2(
            retry={
                "maxRetryCount": -1,
                "minimumInterval": "00:00:01",
                "maximumInterval": "00:01:00",
            }
        )
    )

    assert config.retry is not None
    assert (config.retry.strategy, config.retry.maximum_s) == ("exponentialBackoff", 60)


@pytest.mark.parametrize(
    "retry",
    [
        {"strategy": "fixedDelay", "delayInterval": "00:00:10"},
        {"strategy": "fixedDelay", "maxRetryCount": 3},
        {"maxRetryCount": 3, "minimumInterval": "00:00:01", "maximumInterval": "long"},
    ],
)
def test_an_incomplete_retry_is_none_with_a_word(retry: dict[str, Any]) -> None:
    config = read(v2(retry=retry))

    assert config.retry is None
    assert [problem.code for problem in config.problems] == ["FJ0114"]


@pytest.mark.parametrize(
    ("changed", "pointer", "said"),
    [
        ({"strategy": "linear"}, "/retry/strategy", "'linear' is not a retry strategy"),
        ({"maxRetryCount": -5}, "/retry/maxRetryCount", "-5"),
        ({"minimumInterval": "-00:00:01"}, "/retry/minimumInterval", "less than nothing"),
        ({"minimumInterval": "00:02:00"}, "/retry/minimumInterval", "longer than maximumInterval"),
    ],
)
def test_a_retry_that_cannot_be_is_none_with_its_place(
    changed: dict[str, Any], pointer: str, said: str
) -> None:
    sound = {"maxRetryCount": 3, "minimumInterval": "00:00:01", "maximumInterval": "00:01:00"}
    config = read(v2(retry=sound | changed))

    (problem,) = config.problems
    assert config.retry is None
    assert (problem.code, problem.where) == ("FJ0114", Location("host.json", pointer=pointer))
    assert said in problem.what


def test_the_longest_category_decides_the_log_level() -> None:
    levels = {"default": "Warning", "Function": "Error", "Function.negotiate.User": "Debug"}
    config = read(v2(logging={"logLevel": levels}))

    assert config.log_level("Host.Results") == "warning"
    assert config.log_level("function.other") == "error"
    assert config.log_level("Function.negotiate.User") == "debug"
    assert config.log_level("Functions") == "warning"


def test_without_levels_everything_is_information() -> None:
    assert HostConfig().log_level("Host") == "information"


def test_the_environment_replaces_members() -> None:
    config = read(
        v2(functionTimeout="00:10:00"),
        {
            "AzureFunctionsJobHost:functionTimeout": "00:01:00",
            "AzureFunctionsJobHost:functions": "a, b",
            "AzureFunctionsJobHost:logging:logLevel:default": "Debug",
        },
    )

    assert config.function_timeout_s == 60
    assert config.functions == ("a", "b")
    assert config.log_level("x") == "debug"


def test_the_environment_replaces_items_of_a_list() -> None:
    items = {"AzureFunctionsJobHost:functions:0": "x", "AzureFunctionsJobHost:functions:1": "y"}

    assert read(v2(), items).functions == ("x", "y")
    assert read(v2(functions=["a", "b", "c"]), items).functions == ("x", "y", "c")


def test_members_of_the_wrong_kind_on_the_way_are_no_crash() -> None:
    config = read(v2(extensions="x", logging=[], customHandler=5))

    assert (config.route_prefix, config.custom_handler) == ("api", None)
