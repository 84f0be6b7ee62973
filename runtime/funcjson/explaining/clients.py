"""Made-up SignalR clients of an explained run: they connect to the local service, and tell what they heard."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from funcjson.errors import FuncJsonError, Problem
from funcjson.explaining.stage import Stage
from funcjson.signalr.credentials import mint_client_token
from funcjson.trace_view.recipients import why_missed

_SPEC = re.compile(r"(?P<user>[^@+]*)(?:@(?P<hub>[^@+]+))?(?P<groups>(?:\+[^@+]+)*)")
_END = "\x1e"
_HANDSHAKE = json.dumps({"protocol": "json", "version": 1}) + _END
# The last message of each client: what came before it is all that came.
_LAST = "funcjson.explain.end"
_TIME_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """`NAME@HUB+GROUP+GROUP`; an empty name is a client without a user id, no hub the only one there is."""

    user: str
    hub: str = ""
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        hub = f"@{self.hub}" if self.hub else ""
        return f"{self.user}{hub}{''.join(f'+{group}' for group in self.groups)}"


def parse_client(text: str) -> ClientSpec:
    """Raises ValueError for what is no client."""
    found = _SPEC.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"'{text}' is not NAME@HUB+GROUP")
    groups = tuple(group for group in found["groups"].split("+") if group)
    return ClientSpec(found["user"], (found["hub"] or "").lower(), groups)


@dataclass(slots=True)
class _Connected:
    spec: ClientSpec
    hub: str
    connection_id: str
    socket: aiohttp.ClientWebSocketResponse
    heard: list[dict[str, Any]] = field(default_factory=list)


class Clients:
    """The clients of one run, connected in the order given, for the length of a `with` block."""

    def __init__(self, stage: Stage, specs: Sequence[ClientSpec], hubs: Sequence[str]) -> None:
        self._stage = stage
        self._specs = specs
        self._hubs = hubs
        self._session: aiohttp.ClientSession | None = None
        self._connected: list[_Connected] = []

    async def __aenter__(self) -> Self:
        if self._specs:
            self._session = aiohttp.ClientSession()
            try:
                for spec in self._specs:
                    self._connected.append(await self._connect(self._session, spec))
            except BaseException:
                await self._close()
                raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        for client in self._connected:
            await client.socket.close()
        if self._session is not None:
            await self._session.close()

    async def _connect(self, session: aiohttp.ClientSession, spec: ClientSpec) -> _Connected:
        local = self._stage.local
        assert local is not None
        hub = self._hub(spec)
        endpoint = local.endpoint
        token = mint_client_token(
            endpoint, hub, now=self._stage.services.now(), user_id=spec.user or None
        )
        url = f"{endpoint.client_endpoint}client/"
        head = {"Authorization": f"Bearer {token}"}
        asked = f"{url}negotiate?hub={quote(hub)}&negotiateVersion=1"
        async with asyncio.timeout(_TIME_LIMIT_S):
            async with session.post(asked, headers=head) as answer:
                told = await answer.json()
            socket = await session.ws_connect(
                f"{url}?hub={quote(hub)}&id={quote(told['connectionToken'])}", headers=head
            )
            await socket.send_str(_HANDSHAKE)
            await socket.receive_str()
        client = _Connected(spec, hub, told["connectionId"], socket)
        rest = self._stage.services.rest(endpoint)
        for group in spec.groups:
            if spec.user:
                await rest.add_user_to_group(hub, spec.user, group)
            else:
                await rest.add_connection_to_group(hub, client.connection_id, group)
        return client

    def _hub(self, spec: ClientSpec) -> str:
        if spec.hub:
            return spec.hub
        if len(self._hubs) != 1:
            raise FuncJsonError(_which_hub(spec, self._hubs))
        return self._hubs[0]

    async def heard(self) -> list[dict[str, Any]]:
        """For each client who it is and the messages that it got so far."""
        local = self._stage.local
        if not self._connected or local is None:
            return []
        rest = self._stage.services.rest(local.endpoint)
        for client in self._connected:
            await rest.send_to_connection(client.hub, client.connection_id, _LAST, [])
        async with asyncio.timeout(_TIME_LIMIT_S):
            for client in self._connected:
                await _read(client)
        return [
            {
                "client": str(client.spec),
                "connection": client.connection_id,
                "user": client.spec.user or None,
                "hub": client.hub,
                "groups": list(client.spec.groups),
                "messages": client.heard,
            }
            for client in self._connected
        ]


def reasons(client: Mapping[str, Any], deliveries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why a client, as `heard` lists it, got nothing of the messages that step 9 of a trace lists."""
    found = []
    for row in deliveries:
        got = {one["connection"] for one in row["got"] or ()}
        if row["target"] and client["connection"] not in got:
            place = (row["hub"], row["to"], row["name"])
            own = (client["hub"], client["connection"], client["user"], client["groups"])
            found.append(why_missed(*place, *own))
    return list(dict.fromkeys(found))


def unheard(client: Mapping[str, Any], listens: Sequence[str]) -> list[str]:
    """The targets of messages that a client got and has no handler for; none when its handlers are not known."""
    known = {target.lower() for target in listens}
    got = [message["target"] for message in client["messages"]]
    return list(dict.fromkeys(one for one in got if known and one.lower() not in known))


async def _read(client: _Connected) -> None:
    """All invocations up to the last one."""
    async for frame in client.socket:
        if frame.type is not aiohttp.WSMsgType.TEXT:
            continue
        for text in frame.data.split(_END):
            message = json.loads(text) if text else {}
            if message.get("type") != 1:
                continue
            if message["target"] == _LAST:
                return
            client.heard.append(
                {"target": message["target"], "arguments": message.get("arguments")}
            )


def _which_hub(spec: ClientSpec, hubs: Sequence[str]) -> Problem:
    known = ", ".join(hubs)
    return Problem(
        "FJ0158",
        f"the client '{spec}' needs a hub",
        why=f"the app's hubs are: {known}" if hubs else "the app names no hub",
        fix=f"write --client {spec.user}@{hubs[0] if hubs else 'HUB'}",
    )
