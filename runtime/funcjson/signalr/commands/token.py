"""`token`: an access token for one URL of a service, so that REST and clients can be tried with curl."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

from funcjson.signalr.commands.terminal import complain, say
from funcjson.signalr.connection_string import ServiceEndpoint
from funcjson.signalr.credentials import TokenTooLongError, mint_client_token, mint_server_token

_CLIENT_PATHS = ("client", "client/negotiate")


def token(url: str, key: str, user: str | None, minutes: int) -> int:
    """Print a token for a REST URL, or for a client's (/client/?hub=NAME), which may say who it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return complain(f"This is not a URL: {url}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return complain("The URL must begin with http:// or https:// and the service's address.")
    if minutes < 1:
        return complain("A token must be good for at least one minute.")
    endpoint = ServiceEndpoint(f"{parts.scheme}://{parts.netloc}", access_key=key)
    lifetime_s, now = minutes * 60, time.time()
    path = parts.path.strip("/")
    if path.lower() not in _CLIENT_PATHS:
        if user is not None:
            return complain("--user is for a client's URL: /client/?hub=NAME. REST has no user.")
        say(mint_server_token(endpoint, path, now=now, lifetime_s=lifetime_s))
        return 0
    hub = parse_qs(parts.query).get("hub", [""])[0]
    if not hub:
        return complain("A client's URL names its hub: /client/?hub=NAME")
    try:
        say(mint_client_token(endpoint, hub, now=now, user_id=user, lifetime_s=lifetime_s))
    except TokenTooLongError as error:
        return complain(f"{error}; use a shorter user id")
    return 0
