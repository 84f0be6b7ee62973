"""timerTrigger: a function that runs at the times of a schedule."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from funcjson.binding_data import BindingData, Entry, System, json_text, metadata_of
from funcjson.bindings.base import TriggerType
from funcjson.dotnet_text import INVARIANT_DATE, BadFormat, date_text, timespan_s, timespan_text
from funcjson.errors import BindingError, Problem, Severity
from funcjson.model import Binding, Function, Language, TriggerEvent, TypedData
from funcjson.settings import Settings

FIRED = "Timer fired at "
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
# Name, smallest, largest, names of the values from the smallest on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 0, 6, _DAYS),
)
# Within it every combination of weekday, month length and leap year occurs.
_SEARCH_YEARS = 40


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron schedule as the values each field allows; Sunday is 0."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]


@dataclass(frozen=True, slots=True)
class Every:
    """A constant interval, counted from the last run."""

    text: str
    interval: timedelta


Schedule = Cron | Every


class BadSchedule(ValueError):
    """A schedule that is neither cron nor an interval; the text says why and what to write."""


def parse_schedule(text: str) -> Schedule:
    """`{second} {minute} {hour} {day} {month} {day-of-week}` (the second may be left out) or
    `hh:mm:ss`.

    Raises BadSchedule.
    """
    fields = text.split()
    if len(fields) in (5, 6):
        return _cron(text, fields if len(fields) == 6 else ["0", *fields])
    try:
        seconds = timespan_s(text)
    except BadFormat as error:
        counted = f"it has {len(fields)} fields" if len(fields) > 1 else str(error)
        raise BadSchedule(
            f"{counted}; a cron expression has six fields, and an interval is hh:mm:ss"
        ) from error
    if seconds <= 0:
        raise BadSchedule("an interval must be longer than nothing")
    return Every(text, timedelta(seconds=seconds))


def next_occurrence(
    schedule: Schedule, after: datetime, zone: tzinfo | None = None
) -> datetime | None:
    """The first time of the schedule later than `after`, in UTC; None when there is none within
    decades.

    `after` has a zone; `zone` is the one of the schedule, by default the local one. A time that the
    clock skips in spring is skipped; in autumn, a repeated hour counts twice only for schedules of
    every hour.
    """
    if isinstance(schedule, Every):
        return (after + schedule.interval).astimezone(UTC)
    local = after.astimezone(zone)
    naive = local.replace(tzinfo=None, fold=0)
    hourly = len(schedule.hours) == 24
    if hourly and (repeated := _in_repeated_hour(schedule, after, naive, zone)):
        return repeated
    for found in _matches(schedule, naive):
        moment = _from_local(found, zone)
        if moment is not None and moment > after.astimezone(UTC):
            return moment
    return None


def timer_payload(
    last: datetime | None, following: datetime | None, past_due: bool
) -> dict[str, Any]:
    """What handlers get, in the platform's spelling. `last` None: it never ran."""
    never = "0001-01-01T00:00:00"

    def shown(moment: datetime | None) -> str:
        return moment.astimezone().isoformat() if moment else never

    return {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {
            "Last": shown(last),
            "Next": shown(following),
            "LastUpdated": shown(last),
        },
        "IsPastDue": past_due,
    }


def value(event: TriggerEvent, _language: Language) -> TypedData:
    """The timer's state as JSON; without a schedule when a person fires it, as on the real host."""
    by_hand = {**timer_payload(None, None, False), "ScheduleStatus": None}
    return {"json": json_text(event.payload or by_hand)}


def binding_data(event: TriggerEvent, function: Function, _azure: bool) -> BindingData:
    """`TimerTrigger`, the time it fired at, and `sys`."""
    fired = ""
    if event.reason.startswith(FIRED):
        moment = datetime.fromisoformat(event.reason.removeprefix(FIRED)).astimezone()
        fired = date_text(moment, INVARIANT_DATE)
    return BindingData(
        (
            Entry("TimerTrigger", fired, "context"),
            Entry("sys", System(function.name), "sys"),
        )
    )


def metadata(
    _event: TriggerEvent, _function: Function, data: BindingData
) -> Mapping[str, TypedData]:
    """`TimerTrigger`."""
    return metadata_of(data)


def offers(_binding: Binding) -> frozenset[str]:
    """A timer has no request: expressions can use these names only."""
    return frozenset({"TimerTrigger", "sys"})


def check(binding: Binding, function: Function, _settings: Settings) -> Iterable[Problem]:
    """Whether the schedule can be read, and whether it says what it seems to say."""
    text = binding.properties.get("schedule")
    pointer = f"{binding.pointer}/schedule"
    if not isinstance(text, str) or not text.strip() or "%" in text:
        return  # the schema, or the look-up of the setting, has a word on it
    try:
        schedule = parse_schedule(text)
    except BadSchedule as error:
        yield Problem(
            "FJ0330",
            f"'{text}' is not a schedule",
            function.locate(pointer),
            str(error),
            'write such as "0 */5 * * * *" (every five minutes) or "00:00:30"',
            function=function.name,
            azure=f"The schedule expression '{text}' was not recognized as a valid cron expression "
            "or timespan string.",
        )
        return
    if isinstance(schedule, Every):
        spelled = "." in text or (text.count(":") < 2 and ":" in text)
        if schedule.interval >= timedelta(days=1) and not spelled:
            yield Problem(
                "FJ0331",
                f"'{text}' is an interval of {schedule.interval.days} days",
                function.locate(pointer),
                "a number alone counts days, and so does a first number of 24 or more",
                f'write "{timespan_text(schedule.interval.total_seconds())}" to say so, or cron for hours',
                Severity.WARNING,
                function.name,
            )
    elif next_occurrence(schedule, datetime.now(UTC)) is None:
        yield Problem(
            "FJ0331",
            f"'{text}' never comes",
            function.locate(pointer),
            "no day has this number, month and weekday at once",
            "day and day-of-week must both match; use * for the one that does not matter",
            Severity.WARNING,
            function.name,
        )


def schedule_of(binding: Binding) -> Schedule:
    """The schedule of a timer binding; raises BindingError when it cannot be read."""
    text = str(binding.properties.get("schedule") or "")
    try:
        return parse_schedule(text)
    except BadSchedule as error:
        raise BindingError(
            Problem("FJ0330", f"'{text}' is not a schedule", None, str(error))
        ) from error


# --- cron


def _cron(text: str, fields: Sequence[str]) -> Cron:
    values = [_field(part, *rules) for part, rules in zip(fields, _FIELDS, strict=True)]
    seconds, minutes, hours, days, months, weekdays = values
    return Cron(
        " ".join(fields),
        tuple(sorted(seconds)),
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(weekdays),
    )


def _field(part: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for piece in part.split(","):
        match = re.fullmatch(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", piece)
        if match is None or (match["first"] == "*" and match["last"]):
            raise BadSchedule(f"the {name} '{piece}' is not a value: {_allowed(low, high, names)}")
        step = int(match["step"] or 1)
        if step < 1:
            raise BadSchedule(f"the {name} '{piece}' has a step of 0")
        if match["first"] == "*":
            first, last = low, high
        else:
            first = _number(match["first"], name, low, high, names)
            # `5/10` goes on to the largest value, as in `5-59/10`.
            last = high if match["step"] else first
            if match["last"]:
                last = _number(match["last"], name, low, high, names)
        first, last = min(first, last), max(first, last)
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.isdecimal():
        number = int(text)
        if low <= number <= high:
            return number
        if name == "day-of-week" and number == 7:
            raise BadSchedule("the day-of-week 7 does not exist: Sunday is 0")
    else:
        # Any beginning of a name will do: Mon, Mond, Monday.
        for index, known in enumerate(names):
            if known.startswith(text.lower()):
                return low + index
    raise BadSchedule(f"the {name} '{text}' is not a value: {_allowed(low, high, names)}")


def _allowed(low: int, high: int, names: tuple[str, ...]) -> str:
    words = f" or {names[0][:3].title()} to {names[-1][:3].title()}" if names else ""
    return f"{low} to {high}{words}, with * , - / only"


def _matches(cron: Cron, after: datetime) -> Iterator[datetime]:
    """Local times later than `after`, in order, without a zone."""
    day, first_time = after.date(), after.time().replace(microsecond=0)
    for day_number, current in enumerate(_days_from(cron, day)):
        starts_today = day_number == 0 and current == day
        for moment in _times(cron, first_time if starts_today else None):
            yield datetime.combine(current, moment)


def _days_from(cron: Cron, day: date) -> Iterator[date]:
    for year in range(day.year, min(day.year + _SEARCH_YEARS, 9999) + 1):
        for month in sorted(cron.months):
            if (year, month) < (day.year, day.month):
                continue
            _, length = calendar.monthrange(year, month)
            for number in sorted(cron.days):
                if number > length:
                    break
                current = date(year, month, number)
                # Both must match, unlike in Unix cron.
                if current >= day and (current.weekday() + 1) % 7 in cron.weekdays:
                    yield current


def _times(cron: Cron, after: time | None) -> Iterator[time]:
    for hour in cron.hours:
        if after and hour < after.hour:
            continue
        for minute in cron.minutes:
            if after and (hour, minute) < (after.hour, after.minute):
                continue
            for second in cron.seconds:
                moment = time(hour, minute, second)
                if after is None or moment > after:
                    yield moment


def _from_local(naive: datetime, zone: tzinfo | None) -> datetime | None:
    """A local time in UTC (the first of two in autumn); None for one that the clock skips."""
    local = naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
    moment = local.astimezone(UTC)
    back = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    return moment if back == naive else None


def _in_repeated_hour(
    cron: Cron, after: datetime, naive: datetime, zone: tzinfo | None
) -> datetime | None:
    """For a schedule of every hour: the next time when the clock was or is being turned back, else
    None.
    """
    # In real time: the clock an hour on shows less than an hour more.
    later = (after.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
    shift = naive + timedelta(hours=1) - later.replace(tzinfo=None, fold=0)
    second_pass = _from_local(naive, zone) != after.astimezone(UTC)
    if shift <= timedelta() and not second_pass:
        return None
    start = after.astimezone(UTC).replace(microsecond=0)
    for offset in range(1, 2 * 3600 + 1):
        moment = start + timedelta(seconds=offset)
        local = moment.astimezone(zone)
        if (
            local.second in cron.seconds
            and local.minute in cron.minutes
            and local.day in cron.days
            and local.month in cron.months
            and (local.weekday() + 1) % 7 in cron.weekdays
        ):
            return moment
    return None


BINDING = TriggerType(
    type="timerTrigger",
    schema="bindings/timerTrigger.json",
    binding_data=binding_data,
    value=value,
    metadata=metadata,
    offers=offers,
    check=check,
    settings_only=frozenset({"schedule"}),
)
