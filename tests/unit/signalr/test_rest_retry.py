"""The retry settings: time spans as .NET writes them, and errors that name the setting."""

from __future__ import annotations

import pytest

from funcjson.signalr.rest_retry import Retry, parse_timespan


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:00.8", 0.8),
        ("00:01:40", 100),
        ("1.00:00:00", 86_400),
        ("01:30", 5_400),
        ("2", 172_800),
    ],
)
def test_time_spans(text: str, seconds: float) -> None:
    assert parse_timespan(text) == pytest.approx(seconds)


def test_the_settings_make_a_retry() -> None:
    settings = {
        "AzureSignalRRetry:MaxRetries": "5",
        "AzureSignalRRetry:Delay": "00:00:02",
        "AzureSignalRRetry:MaxDelay": "00:00:03",
        "AzureSignalRRetry:Mode": "exponential",
    }
    retry = Retry.from_settings(settings.get)

    assert retry == Retry(5, 2.0, 3.0, "Exponential")
    assert [retry.wait_s(attempt) for attempt in (1, 2, 3)] == [2.0, 3.0, 3.0]


def test_without_settings_the_defaults_hold() -> None:
    assert Retry.from_settings(lambda _name: None) == Retry()


@pytest.mark.parametrize(
    ("name", "value"), [("MaxRetries", "many"), ("Delay", "soon"), ("Mode", "Random")]
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"AzureSignalRRetry:{name}: .*{value}"):
        Retry.from_settings({f"AzureSignalRRetry:{name}": value}.get)
