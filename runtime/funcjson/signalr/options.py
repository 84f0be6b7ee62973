"""Everything about the service that can be set, with the real service's values as defaults."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EMULATOR_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"  # the official emulator's fixed key

AudienceMode = Literal["strict", "local", "off"]
Tier = Literal["free", "standard", "off"]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Times are seconds, sizes are bytes; 0 turns a timer off where it says so."""

    host: str = "localhost"  # localhost: both loopback addresses
    port: int = 8888  # 0: any free port, read it back from SignalRServer.port
    keys: tuple[str, ...] = (EMULATOR_KEY,)  # any of them verifies; the first one signs
    client_endpoint: str = ""  # another URL that clients and audiences may use, e.g. of a container
    audience: AudienceMode = "local"
    accept_entra: bool = False  # REST tokens of Microsoft Entra too; their signature is not checked
    strict_versions: bool = False  # `api-version` must be present and known on /api/hubs
    limits: bool = True  # sizes of the real service
    tier: Tier = "off"  # quotas of the real service: connections, messages a day
    strict_delivery: bool = False  # a send that reaches nobody is an error
    cors_origins: tuple[str, ...] = ("*",)
    keep_alive_s: float = 15.0
    client_timeout_s: float = 0.0  # 0: off, so that a client that never pings stays
    handshake_timeout_s: float = 15.0
    negotiate_timeout_s: float = 15.0
    poll_timeout_s: float = 90.0
    poll_idle_s: float = 5.0
    stateful_window_s: float = 30.0
    invoke_timeout_s: float = 30.0
    close_timeout_s: float = 5.0
    buffer_bytes: int = 1 << 20  # with more unsent a client that takes nothing is dropped
    max_buffer_bytes: int = 16 << 20  # with more unsent any client is dropped, see backlog.py
    stall_s: float = (
        3.0  # how long a client that reads may pause with more than buffer_bytes unsent
    )
    max_message_bytes: int = 16 << 20  # one message of a WebSocket client
    max_post_bytes: int = 1 << 20  # one POST of a client, and one REST body
    rest_close_allows_reconnect: bool = False
    forward_streams: bool = False  # give client streams to upstream; the real service refuses them
    detailed_errors: bool = False  # clients hear reasons that the real service keeps to itself
    names_recipients: bool = False  # answers in this process name who got a message
    certfile: str = ""
    keyfile: str = ""
    monotonic: Callable[[], float] = time.monotonic  # every timer reads this
    wall: Callable[[], float] = time.time  # token lifetimes and user-group ttl read this
