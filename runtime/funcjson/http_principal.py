"""Which identity headers of a request are believed: a login's first, then those of a trusted sender.

On Azure, App Service sets the x-ms-client-principal headers and drops those that a client sends.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable
from typing import Protocol

from multidict import MultiMapping

from funcjson.errors import AppLoadError, Problem
from funcjson.identity import is_principal_header
from funcjson.listening import is_loopback
from funcjson.login import LoginTwin

log = logging.getLogger("funcjson.host")

Pairs = tuple[tuple[str, str], ...]
# The spelling of App Service, and of proxies that set what it sets.
_AS_SET = re.compile("x-ms-client-principal(-[a-z0-9]+)*", re.IGNORECASE)


class Sender(Protocol):
    """Where a request comes from; asked only when it matters."""

    @property
    def remote(self) -> str | None: ...


class PrincipalGuard:
    """Sets and drops identity headers.

    Client-sent ones are believed while the host listens on loopback only, or when the peer is one
    of `trusted_proxies` (addresses or networks; raises AppLoadError for others), by their names with
    dashes only.
    """

    def __init__(self, address: str, trusted_proxies: Iterable[str] = ()) -> None:
        self._loopback = is_loopback(address)
        self._proxies = tuple(_network(text) for text in trusted_proxies)
        self._said: set[str] = set()

    def pairs(self, headers: MultiMapping[str], login: LoginTwin, sender: Sender) -> Pairs:
        """The headers of a request as the function may see them, in the order sent."""
        pairs: Pairs = tuple(headers.items())
        cookies = "; ".join(headers.getall("Cookie", ()))
        signed_in = login.headers(cookies) if cookies or login.default else ()
        # Nearly no request has such a header: one look at all names together is the quickest.
        if "principal" not in "\n".join(headers).lower():
            return pairs + signed_in if signed_in else pairs
        kept = tuple(pair for pair in pairs if not is_principal_header(pair[0]))
        if len(kept) == len(pairs):
            return pairs + signed_in
        if not signed_in and self._believes(sender):
            return tuple(pair for pair in pairs if self._is_kept(pair[0]))
        if signed_in:
            self._say(
                "dropped",
                "The x-ms-client-principal headers that a client sent were dropped: "
                "the login decides who it is",
            )
        return kept + signed_in

    def _is_kept(self, name: str) -> bool:
        """Whether a header of a believed sender reaches the function.

        A proxy that sets identity headers replaces those that it knows; what a client spells otherwise it passes on.
        """
        if not is_principal_header(name) or _AS_SET.fullmatch(name):
            return True
        self._say(
            "spelling",
            f"The header '{name}' of a client was dropped: a framework may take it for an identity header, "
            "which is believed by its name with dashes only, such as X-MS-CLIENT-PRINCIPAL-ID",
            logging.WARNING,
        )
        return False

    def _believes(self, sender: Sender) -> bool:
        if self._proxies and self._is_proxy(sender.remote or ""):
            return True
        if self._loopback:
            self._say(
                "believed",
                "A client sent x-ms-client-principal headers itself, and they were believed since "
                "the host listens on loopback only; App Service would drop them",
            )
            return True
        self._say(
            "refused",
            "A client sent x-ms-client-principal headers, and they were dropped, as App Service "
            "does: sign in at /.auth/login/aad, use --as NAME, or name the proxy that sets them "
            "with --trusted-proxy",
            logging.WARNING,
        )
        return False

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._proxies)

    def _say(self, key: str, text: str, level: int = logging.INFO) -> None:
        """Say a thing once in the life of the host."""
        if key not in self._said:
            self._said.add(key)
            log.log(level, text)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise AppLoadError(
            Problem(
                "FJ0156",
                f"'{text}' is not an address, so it cannot be a trusted proxy",
                why="peers are known by their address",
                fix="write an address or a network, such as 10.0.0.5 or 10.0.0.0/24",
            )
        ) from error
