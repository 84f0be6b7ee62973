"""How .NET writes numbers, dates and GUIDs as text: binding expressions show users exactly that
text.
"""

from __future__ import annotations

import math
import re
import uuid
from datetime import UTC, datetime, timedelta

# The resolver's own default: dashes in the time, so that the text can be a blob name.
DEFAULT_DATE = "yyyy-MM-ddTHH-mm-ssK"
INVARIANT_DATE = "MM/dd/yyyy HH:mm:ss"

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_STANDARD_DATES = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
_DATE_PIECES = re.compile(
    r"""'[^']*'|"[^"]*"|\\.|%|d+|f+|F+|g+|h+|H+|K|m+|M+|s+|t+|y+|z+|.""", re.DOTALL
)
# A date-time that Json.NET turns into a date while it reads; a date alone stays text.
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7})\d*)?(Z|[+-]\d\d:?\d\d)?"
)


_TIMESPAN = re.compile(
    r"(?P<sign>-?)(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?"
)


class BadFormat(ValueError):
    """A .NET format string that .NET refuses; the text is .NET's own."""


def number_text(value: float) -> str:
    """`double.ToString()` of .NET Core 3 and later, invariant: the shortest text that reads
    back.
    """
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, exponent_text = f"{value!r}".partition("e")
    sign = "-" if value < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = fraction.rstrip("0")
    digits = (whole + fraction).lstrip("0")
    # Decimal exponent of the first significant digit.
    leading = len(whole) - 1 if whole != "0" else -(len(fraction) - len(fraction.lstrip("0")) + 1)
    exponent = leading + int(exponent_text or 0)
    digits = digits.rstrip("0") or "0"
    if not -4 <= exponent < 15:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}E{'+' if exponent > 0 else '-'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    digits = digits.ljust(exponent + 1, "0")
    tail = f".{digits[exponent + 1 :]}" if len(digits) > exponent + 1 else ""
    return f"{sign}{digits[: exponent + 1]}{tail}"


def guid_text(value: uuid.UUID, form: str | None = None) -> str:
    """`Guid.ToString(form)`: D (default), N, B, P, X. Raises BadFormat for any other."""
    text = str(value)
    match (form or "D").upper():
        case "D":
            return text
        case "N":
            return value.hex
        case "B":
            return f"{{{text}}}"
        case "P":
            return f"({text})"
        case "X":
            tail = ",".join(f"0x{byte:02x}" for byte in value.bytes[8:])
            parts = (value.time_low, value.time_mid, value.time_hi_version)
            return f"{{0x{parts[0]:08x},0x{parts[1]:04x},0x{parts[2]:04x},{{{tail}}}}}"
    raise BadFormat('Format string can be only "D", "d", "N", "n", "P", "p", "B", "b", "X" or "x".')


def date_text(moment: datetime, form: str | None = None, default: str = DEFAULT_DATE) -> str:
    """`DateTime.ToString(form)`, invariant culture. A naive `moment` has no zone. Raises
    BadFormat.
    """
    pattern = form or default
    if len(pattern) == 1:
        if pattern not in _STANDARD_DATES:
            raise BadFormat("Input string was not in a correct format.")
        pattern = _STANDARD_DATES[pattern]
    return "".join(_date_piece(moment, piece) for piece in _DATE_PIECES.findall(pattern))


def _date_piece(moment: datetime, piece: str) -> str:
    letter, count = piece[0], len(piece)
    match letter:
        case "'" | '"':
            if count == 1:
                raise BadFormat("Input string was not in a correct format.")
            return piece[1:-1]
        case "\\":
            return piece[1:]
        case "%":
            return ""
        case "d" if count > 2:
            name = _DAYS[moment.weekday()]
            return name[:3] if count == 3 else name
        case "M" if count > 2:
            name = _MONTHS[moment.month - 1]
            return name[:3] if count == 3 else name
        case "f" | "F":
            if count > 7:
                raise BadFormat("Input string was not in a correct format.")
            ticks = f"{moment.microsecond:06d}0"[:count]
            return ticks if letter == "f" else ticks.rstrip("0")
        case "g":
            return "A.D."
        case "K":
            return _zone(moment, 3) if moment.tzinfo else ""
        case "z":
            return _zone(moment, count, utc="")
        case "t":
            half = "AM" if moment.hour < 12 else "PM"
            return half[:1] if count == 1 else half
        case "y":
            return f"{moment.year % 100:0{count}d}" if count < 3 else f"{moment.year:0{count}d}"
    number = {
        "d": moment.day,
        "M": moment.month,
        "H": moment.hour,
        "h": moment.hour % 12 or 12,
        "m": moment.minute,
        "s": moment.second,
    }.get(letter)
    return piece if number is None else f"{number:0{min(count, 2)}d}"


def _zone(moment: datetime, count: int, utc: str = "Z") -> str:
    offset = moment.utcoffset() or timedelta()
    if not offset and utc:
        return utc
    sign = "-" if offset < timedelta() else "+"
    hours, minutes = divmod(abs(int(offset.total_seconds())) // 60, 60)
    if count < 3:
        return f"{sign}{hours:0{count}d}"
    return f"{sign}{hours:02d}:{minutes:02d}"


def json_date(text: str) -> datetime | None:
    """The date that Json.NET's reader makes of a JSON string, or None when it leaves the string
    alone.

    An offset is converted to the process's local time, as the reader does; without a zone the
    result is naive.
    """
    if len(text) < 19 or text[10] != "T":
        return None
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micros = int((match[7] or "0").ljust(7, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 - zone follows
    except ValueError:
        return None
    zone = match[8]
    if zone is None:
        return moment
    if zone == "Z":
        return moment.replace(tzinfo=UTC)
    sign = -1 if zone[0] == "-" else 1
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return (moment.replace(tzinfo=UTC) - sign * offset).astimezone()


def timespan_s(text: str) -> float:
    """Seconds of a .NET time span, `[-][d.]hh:mm[:ss[.fffffff]]` or a number of days. Raises
    BadFormat.
    """
    trimmed = text.strip()
    if re.fullmatch(r"-?\d+", trimmed):
        return int(trimmed) * 86400.0
    match = _TIMESPAN.fullmatch(trimmed)
    if match is None:
        raise BadFormat(f"String '{text}' was not recognized as a valid TimeSpan.")
    hours, minutes, seconds = (int(match[part] or 0) for part in ("hours", "minutes", "seconds"))
    if hours > 23 and match["seconds"] and not match["days"] and minutes < 24:
        # .NET then reads days, hours and minutes.
        total = hours * 86400 + minutes * 3600 + seconds * 60
        return float(-total if match["sign"] else total)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise BadFormat(
            f"The TimeSpan string '{text}' could not be parsed because at least one of the numeric "
            "components is out of range or contains too many digits."
        )
    total = int(match["days"] or 0) * 86400 + hours * 3600 + minutes * 60 + seconds
    exact = total + float(f"0.{match['fraction'] or 0}")
    return -exact if match["sign"] else exact


def timespan_text(seconds: float) -> str:
    """Seconds as `[d.]hh:mm:ss`."""
    days, rest = divmod(int(seconds), 86400)
    text = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    return f"{days}.{text}" if days else text
