"""timerTrigger: schedules, their next times, and what handlers get."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.unit.bindings.signalr_fakes import function_with, settings_with

from funcjson.bindings.timer_trigger import (
    BINDING,
    BadSchedule,
    Every,
    next_occurrence,
    parse_schedule,
    schedule_of,
    timer_payload,
)
from funcjson.errors import BindingError, Problem
from funcjson.expressions import parse_template
from funcjson.model import Binding, Direction, Language, TriggerEvent

NEW_YORK = ZoneInfo("America/New_York")
SATURDAY = datetime(2024, 3, 9, 12, 1, 30, tzinfo=UTC)


def times(text: str, after: datetime = SATURDAY, count: int = 3, zone: Any = UTC) -> list[str]:
    found: list[str] = []
    moment: datetime | None = after
    while moment is not None and len(found) < count:
        moment = next_occurrence(parse_schedule(text), moment, zone)
        if moment is not None:
            found.append(moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 */5 * * * *", "2024-03-09 12:05:00"),
        ("*/5 * * * *", "2024-03-09 12:05:00"),
        ("30 1 12 * * *", "2024-03-10 12:01:30"),
        ("31 1 12 * * *", "2024-03-09 12:01:31"),
        ("0 0 0 * * Mon-Fri", "2024-03-11 00:00:00"),
        ("0 0 0 * * 5-1", "2024-03-11 00:00:00"),
        ("0 0 0 1 jan,JULY *", "2024-07-01 00:00:00"),
        ("0 50/4 * * * *", "2024-03-09 12:50:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 31 * *", "2024-03-31 00:00:00"),
        ("0 0 0 13 * Fri", "2024-09-13 00:00:00"),
        ("0 0 12 9 3 *", "2025-03-09 12:00:00"),
        ("00:00:30", "2024-03-09 12:02:00"),
        ("1.00:00:00", "2024-03-10 12:01:30"),
    ],
)
def test_the_next_time(text: str, first: str) -> None:
    assert times(text, count=1) == [first]


def test_times_go_on() -> None:
    assert times("30 5/25 9-17 * 6-1 1-5") == [
        "2024-03-11 09:05:30",
        "2024-03-11 09:30:30",
        "2024-03-11 09:55:30",
    ]


def test_a_fraction_of_a_second_does_not_matter() -> None:
    after = SATURDAY.replace(second=0, microsecond=5)

    assert times("* * * * * *", after, 1) == ["2024-03-09 12:01:01"]


def test_a_day_that_never_comes_has_no_time() -> None:
    assert next_occurrence(parse_schedule("0 0 0 31 2 *"), SATURDAY) is None
    assert times("0 0 0 30 Feb *") == []


def test_a_skipped_hour_is_jumped() -> None:
    before = datetime(2024, 3, 9, 12, tzinfo=NEW_YORK)

    assert times("0 30 2 * * *", before, 2, NEW_YORK) == [
        "2024-03-11 02:30:00",
        "2024-03-12 02:30:00",
    ]


def test_a_repeated_hour_counts_once_for_a_time_of_day() -> None:
    before = datetime(2024, 11, 2, 12, tzinfo=NEW_YORK)

    assert times("0 30 1 * * *", before, 2, NEW_YORK) == [
        "2024-11-03 01:30:00",
        "2024-11-04 01:30:00",
    ]


def test_a_repeated_hour_counts_twice_for_every_hour() -> None:
    before = datetime(2024, 11, 3, 0, 50, tzinfo=NEW_YORK)

    assert times("0 */30 * * * *", before, 5, NEW_YORK) == [
        "2024-11-03 01:00:00",
        "2024-11-03 01:30:00",
        "2024-11-03 01:00:00",
        "2024-11-03 01:30:00",
        "2024-11-03 02:00:00",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 0 0 * * ?", "the day-of-week '?' is not a value: 0 to 6 or Sun to Sat"),
        ("0 0 0 L * *", "the day 'L' is not a value: 1 to 31, with * , - / only"),
        ("0 60 * * * *", "the minute '60' is not a value: 0 to 59"),
        ("0 0 0 * * 7", "the day-of-week 7 does not exist: Sunday is 0"),
        ("0 */0 * * * *", "the minute '*/0' has a step of 0"),
        ("0 *-5 * * * *", "the minute '*-5' is not a value"),
        ("0 0 0 1,, * *", "the day '' is not a value"),
        ("0 0 0 * Foo *", "the month 'Foo' is not a value: 1 to 12 or Jan to Dec"),
        ("1 2 3 4 5 6 7", "it has 7 fields; a cron expression has six fields"),
        ("@daily", "String '@daily' was not recognized as a valid TimeSpan."),
        ("00:00:00", "an interval must be longer than nothing"),
    ],
)
def test_what_is_no_schedule_says_why(text: str, why: str) -> None:
    with pytest.raises(BadSchedule) as caught:
        parse_schedule(text)

    assert str(caught.value).startswith(why)


def timer(schedule: Any) -> Binding:
    return Binding("timer", "timerTrigger", Direction.IN, {"schedule": schedule}, "/bindings/0")


def checked(schedule: Any) -> list[Problem]:
    binding = timer(schedule)
    return list(BINDING.check(binding, function_with(binding), settings_with()))


def test_a_wrong_schedule_is_an_error_with_the_real_text() -> None:
    (problem,) = checked("every day")

    assert problem.code == "FJ0330"
    assert problem.azure == (
        "The schedule expression 'every day' was not recognized as a valid cron expression or "
        "timespan string."
    )
    with pytest.raises(BindingError):
        schedule_of(timer("every day"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("24:00:00", "'24:00:00' is an interval of 24 days"),
        ("5", "'5' is an interval of 5 days"),
        ("0 0 0 31 2 *", "'0 0 0 31 2 *' never comes"),
    ],
)
def test_a_schedule_that_means_something_else_is_warned_about(text: str, what: str) -> None:
    (problem,) = checked(text)

    assert (problem.code, problem.what) == ("FJ0331", what)


@pytest.mark.parametrize("text", ["0 */5 * * * *", "00:00:30", "1.00:00:00", "%Later%", "", None])
def test_other_schedules_are_left_to_the_schema(text: Any) -> None:
    assert checked(text) == []


def test_the_schedule_of_a_binding() -> None:
    assert schedule_of(timer("00:01:00")) == Every("00:01:00", timedelta(minutes=1))


def test_a_first_run_has_the_smallest_date() -> None:
    payload = timer_payload(None, SATURDAY, True)

    assert payload["IsPastDue"] is True
    assert payload["ScheduleStatus"]["Last"] == "0001-01-01T00:00:00"
    assert datetime.fromisoformat(payload["ScheduleStatus"]["Next"]) == SATURDAY


def test_handlers_get_the_timer_as_json() -> None:
    event = TriggerEvent("timerTrigger", payload=timer_payload(SATURDAY, SATURDAY, False))
    shown = json.loads(BINDING.value(event, Language.NODE)["json"])

    assert list(shown) == ["Schedule", "ScheduleStatus", "IsPastDue"]
    assert json.loads(BINDING.value(TriggerEvent("timerTrigger"), Language.NODE)["json"])


def test_expressions_see_when_it_fired() -> None:
    event = TriggerEvent("timerTrigger", reason="Timer fired at 2024-01-02T03:04:05")
    function = function_with(timer("00:01:00"), "tick")
    data = BINDING.binding_data(event, function, False)

    assert parse_template("{TimerTrigger}|{sys.methodname}").evaluate(data) == (
        "01/02/2024 03:04:05|tick"
    )
    assert BINDING.metadata(event, function, data) == {
        "TimerTrigger": {"string": "01/02/2024 03:04:05"}
    }
    assert BINDING.offers(timer("x")) == {"TimerTrigger", "sys"}


def test_a_timer_fired_by_hand_has_no_time() -> None:
    data = BINDING.binding_data(TriggerEvent("timerTrigger"), function_with(timer("x")), False)

    assert parse_template("{TimerTrigger}").evaluate(data) == ""
