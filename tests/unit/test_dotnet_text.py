"""Numbers, dates, GUIDs and time spans as .NET writes and reads them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from funcjson.dotnet_text import (
    INVARIANT_DATE,
    BadFormat,
    date_text,
    guid_text,
    json_date,
    number_text,
    timespan_s,
    timespan_text,
)

MOMENT = datetime(2024, 1, 2, 15, 4, 5, 67000, tzinfo=UTC)
GUID = uuid.UUID("c914be08-fae6-4014-a619-c5f7ebf3fe37")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (5, "5"),
        (-5, "-5"),
        (10**30, "1" + "0" * 30),
        (1.0, "1"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        (1000.0, "1000"),
        (1e14, "100000000000000"),
        (1e15, "1E+15"),
        (1e23, "1E+23"),
        (123456789012345680.0, "1.2345678901234568E+17"),
        (0.0001, "0.0001"),
        (0.00001, "1E-05"),
        (1.25e-7, "1.25E-07"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.0, "0"),
        (-0.0, "-0"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_number_is_the_shortest_text_that_reads_back(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "2024-01-02T15-04-05Z"),
        ("yyyyMMdd", "20240102"),
        ("yy-M-d", "24-1-2"),
        ("dddd, MMMM dd", "Tuesday, January 02"),
        ("ddd MMM", "Tue Jan"),
        ("h:mm tt", "3:04 PM"),
        ("%t", "P"),
        ("HH:mm:ss.fff", "15:04:05.067"),
        ("ss.FFFFFF", "05.067"),
        ("'at' HH\\h", "at 15h"),
        ('"day" d', "day 2"),
        ("yyyyy", "02024"),
        ("K", "K"),
        ("%K", "Z"),
        ("z zz zzz", "+0 +00 +00:00"),
        ("gg", "A.D."),
        ("d", "01/02/2024"),
        ("D", "Tuesday, 02 January 2024"),
        ("o", "2024-01-02T15:04:05.0670000Z"),
        ("R", "Tue, 02 Jan 2024 15:04:05 GMT"),
        ("s", "2024-01-02T15:04:05"),
        ("u", "2024-01-02 15:04:05Z"),
    ],
)
def test_dates_take_dotnet_formats(form: str | None, text: str) -> None:
    if form == "K":
        with pytest.raises(BadFormat):
            date_text(MOMENT, form)
        return
    assert date_text(MOMENT, form) == text


def test_an_offset_shows_with_its_sign() -> None:
    zone = timezone(-timedelta(hours=5, minutes=30))

    assert date_text(MOMENT.astimezone(zone), "HH:mm zzz") == "09:34 -05:30"


@pytest.mark.parametrize("form", ["q", "'open", "ffffffff"])
def test_a_wrong_date_format_is_refused(form: str) -> None:
    with pytest.raises(BadFormat, match="Input string was not in a correct format"):
        date_text(MOMENT, form)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "c914be08-fae6-4014-a619-c5f7ebf3fe37"),
        ("n", "c914be08fae64014a619c5f7ebf3fe37"),
        ("B", "{c914be08-fae6-4014-a619-c5f7ebf3fe37}"),
        ("P", "(c914be08-fae6-4014-a619-c5f7ebf3fe37)"),
        ("X", "{0xc914be08,0xfae6,0x4014,{0xa6,0x19,0xc5,0xf7,0xeb,0xf3,0xfe,0x37}}"),
    ],
)
def test_guids_take_five_formats(form: str | None, text: str) -> None:
    assert guid_text(GUID, form) == text


def test_another_guid_format_is_refused() -> None:
    with pytest.raises(BadFormat, match="Format string can be only"):
        guid_text(GUID, "Q")


def test_a_json_date_with_z_stays_in_utc() -> None:
    found = json_date("2024-01-02T03:04:05Z")

    assert found is not None
    assert date_text(found, INVARIANT_DATE) == "01/02/2024 03:04:05"


def test_a_json_date_with_an_offset_is_the_same_instant() -> None:
    assert json_date("2024-01-02T03:04:05.5+02:00") == datetime(
        2024, 1, 2, 1, 4, 5, 500000, tzinfo=UTC
    )


def test_a_json_date_without_a_zone_has_none() -> None:
    found = json_date("2024-01-02T03:04:05")

    assert found is not None
    assert found.tzinfo is None


@pytest.mark.parametrize("text", ["2024-01-02", "2024-13-02T03:04:05Z", "x", "2024-01-02T03:04"])
def test_other_text_is_no_json_date(text: str) -> None:
    assert json_date(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:30", 30),
        ("01:02:03", 3723),
        ("1.00:00:00", 86400),
        ("00:00:00.5", 0.5),
        ("-00:01:00", -60),
        ("10:30", 37800),
        ("7", 604800),
        ("24:00:00", 24 * 86400),
    ],
)
def test_time_spans(text: str, seconds: float) -> None:
    assert timespan_s(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "00:60:00", "25:61:00", "24:00"])
def test_what_is_no_time_span(text: str) -> None:
    with pytest.raises(BadFormat):
        timespan_s(text)


def test_a_time_span_as_text() -> None:
    assert timespan_text(90061) == "1.01:01:01"
    assert timespan_text(300) == "00:05:00"
