"""The URL of a Redis server: what it may say, and what of it may be told."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
# Of redis-py's options only those that leave the way in which nodes listen and publish alone.
_OPTIONS = ("client_name", "db", "password", "socket_keepalive", "username")
_TLS_OPTIONS = "ssl_"


def url_fault(url: str) -> str:
    """Why nodes cannot be joined by this URL and how it is mended, or ""; never with a part of a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL of Redis cannot be read: the brackets of an IPv6 address are not in pairs, as in redis://[::1]:6379"
    if parts.scheme not in _SCHEMES:
        return (
            "the URL of Redis begins with redis://, rediss:// or unix://, "
            f"not with '{url.partition(':')[0][:20]}'"
        )
    return _port_fault(parts) or _database_fault(parts) or _option_fault(parts)


def place_of(url: str) -> str:
    """Where Redis is, without user name, password and options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"Redis at {parts.path}"
    return f"Redis at {parts.hostname or 'localhost'}:{parts.port or 6379}"


def _port_fault(parts: SplitResult) -> str:
    try:
        _ = parts.port
    except ValueError:
        # What stands there may be the first half of a password.
        return (
            "the port in the URL of Redis is no number from 0 to 65535; if it is a part of the password, "
            "write the password's '/', '?', '#' and '@' as %2F, %3F, %23 and %40"
        )
    return ""


def _database_fault(parts: SplitResult) -> str:
    database = parts.path.strip("/")
    if parts.scheme == "unix" or not database or database.isdecimal():
        return ""
    return (
        f"the URL of Redis names the database '{database[:20]}', which must be a number, "
        "as in redis://localhost:6379/0"
    )


def _option_fault(parts: SplitResult) -> str:
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name.startswith(_TLS_OPTIONS):
            if parts.scheme != "rediss":
                return f"the URL of Redis has the option {name}, which needs rediss://"
        elif name not in _OPTIONS:
            return (
                f"the URL of Redis has the option '{name[:40]}'; leave it out "
                f"(there are {', '.join(_OPTIONS)} and, for rediss://, redis-py's {_TLS_OPTIONS}...)"
            )
    return ""
