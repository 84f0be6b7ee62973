"""`ps`: who is connected to a service on this machine, and in which groups."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from funcjson.signalr.commands.terminal import complain, say, table
from funcjson.signalr.plain_text import plain

STATE_PATH = "/_lss/state"
TIMEOUT_S = 5.0


def ps(url: str, *, as_json: bool) -> int:
    """Print the state of the service at `url`."""
    try:
        state = fetch(url)
    except urllib.error.HTTPError as error:
        return complain(_refusal(url, error))
    except (OSError, ValueError) as error:
        return complain(
            f"no local SignalR service answers at {url}: {_reason(error)}\n"
            "Start one with `funcjson signalr start`, or say where it is with --url."
        )
    say(json.dumps(state, indent=2, ensure_ascii=False) if as_json else state_table(state))
    return 0


def fetch(url: str) -> Mapping[str, Any]:
    """The state. Raises OSError when there is no answer, ValueError when it is not one of ours."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("the URL must begin with http:// or https://")
    # A certificate for development is signed by nobody known; the service is on this machine anyway.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url.rstrip("/") + STATE_PATH, timeout=TIMEOUT_S) as answer:
        try:
            state = json.load(answer)
        except ValueError:
            raise ValueError("something else listens there, its answer is not JSON") from None
    if not isinstance(state, dict) or "hubs" not in state:
        raise ValueError("the answer is not that of a local SignalR service")
    return state


def _refusal(url: str, error: urllib.error.HTTPError) -> str:
    if error.code == 403:
        said = plain(error.read(1000).decode("utf-8", "replace").strip())
        return (
            f"the service at {url} answered 403: {said}\n"
            "Ask it on its own machine or in its own container, by the name localhost."
        )
    return (
        f"what listens at {url} is no local SignalR service: it answered {error.code}\n"
        "Of `funcjson start` name the port of its service (8888, or --service-port), not that of the functions."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error)


def state_table(state: Mapping[str, Any]) -> str:
    """One line a connection, and one line a hub with the sums."""
    hubs: Mapping[str, Any] = state["hubs"]
    if not any(hub["connections"] for hub in hubs.values()):
        return "\n".join(["No connections.", *_early(hubs), *_remembered(hubs), *_nodes(state)])
    nodes = state.get("nodes", ())
    rows = [
        [
            *([each["node"]] if len(nodes) > 1 else []),
            name,
            each["id"],
            plain(each["userId"]) if each["userId"] is not None else "-",
            each["transport"] or "-",
            each["protocol"],
            _names(each["groups"]) or "-",
        ]
        for name, hub in hubs.items()
        for each in hub["connections"]
    ]
    head = [
        *(["NODE"] if len(nodes) > 1 else []),
        "HUB",
        "CONNECTION",
        "USER",
        "TRANSPORT",
        "PROTOCOL",
        "GROUPS",
    ]
    sums = [
        f"hub {name}: {_count(hub['connections'], 'connection')}, "
        f"{_count(hub['users'], 'user')}, {_count(hub['groups'], 'group')}"
        for name, hub in hubs.items()
    ]
    told = [*sums, *_early(hubs), *_remembered(hubs), *_nodes(state)]
    return "\n".join([table(head, rows), "", *told])


def _names(groups: Iterable[str]) -> str:
    """Groups separated by commas; in quotes where a name has one itself, or space."""
    return ", ".join(
        f'"{shown}"' if set(', "') & set(shown) else shown for shown in map(plain, groups)
    )


def _early(hubs: Mapping[str, Any]) -> list[str]:
    """A line for each hub with clients that no message reaches yet."""
    return [
        f"hub {name}: {_count(early, 'more connection')} without a finished handshake"
        f" ({_names(each['userId'] or 'no user' for each in early)})"
        for name, hub in hubs.items()
        if (early := hub.get("handshaking"))
    ]


def _remembered(hubs: Mapping[str, Any]) -> list[str]:
    """A line for each user whose later connections will join groups."""
    return [
        f"hub {name}: user {plain(user)} is remembered for {_names(groups)}"
        for name, hub in hubs.items()
        for user, groups in hub.get("remembered", {}).items()
    ]


def _nodes(state: Mapping[str, Any]) -> list[str]:
    """How many nodes this is the state of, and whether one is missing."""
    nodes, gap = state.get("nodes", ()), state.get("gap")
    lines = [f"{len(nodes)} nodes: {', '.join(nodes)}"] if len(nodes) > 1 else []
    return [*lines, f"Not all: {gap}."] if gap else lines


def _count(things: Any, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
