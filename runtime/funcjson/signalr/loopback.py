"""What an address or a name says of whether it is this machine."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

# RFC 6761, 6.3: browsers look none of these names up.
_LOCALHOST = re.compile(r"([^.]+\.)*localhost\.?", re.IGNORECASE)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address, or come from it. Of names, localhost counts and what is below it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return _LOCALHOST.fullmatch(address) is not None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def is_own_host(header: str) -> bool:
    """Whether a Host header names this machine, rather than what somebody lets lead here (DNS rebinding)."""
    try:
        return is_loopback(urlsplit(f"//{header}").hostname or "")
    except ValueError:
        return False
