"""How a connection setting is looked up, by its vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.bindings import signalr_hub
from funcjson.bindings.base import Resolved
from funcjson.errors import BindingError, Location
from funcjson.model import Binding, Direction
from funcjson.services import HostServices
from funcjson.settings import Settings, load_settings
from funcjson.signalr.credentials import ServiceEndpoint
from funcjson.signalr.rest_client import HttpTransport, RestClient

FILE = Path(__file__).parent / "vectors" / "lookups.json"
ROWS = json.loads(FILE.read_text(encoding="utf-8"))


class Endpoints:
    """Services whose endpoints need no valid connection strings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._real = HostServices(settings, None, HttpTransport())

    def endpoints(self, setting: str, where: Location) -> tuple[ServiceEndpoint, ...]:
        texts = [found.connection_string for found in self.settings.named_endpoints()]
        own = self.settings.connection_string(setting) if setting else None
        texts += [own] if own else []
        if not texts:
            return self._real.endpoints(setting, where)
        return tuple(ServiceEndpoint(f"http://{text}", "k" * 32) for text in texts)

    def rest(self, endpoint: ServiceEndpoint) -> RestClient:
        return self._real.rest(endpoint)

    def now(self) -> float:
        return 0.0


@pytest.mark.parametrize("vector", [pytest.param(row, id=row["title"]) for row in ROWS])
def test_lookup(vector: dict[str, Any], tmp_path: Path) -> None:
    settings = load_settings(tmp_path, vector["given"]["settings"])
    name = vector["given"]["setting"]
    if "error" in vector:
        properties = {"connectionStringSetting": name}
        binding = Binding("ci", "signalRConnectionInfo", Direction.IN, properties, "/bindings/1")
        resolved = Resolved(binding, properties, lambda pointer: Location("f", pointer=pointer))
        with pytest.raises(BindingError) as caught:
            signalr_hub.endpoints_of(resolved, Endpoints(settings))

        azure = caught.value.problems[0].azure
        assert azure is not None
        assert vector["error"]["message"] in (None, azure)
        return
    expect = vector["expect"]
    if "value" in expect:
        assert settings.connection_string(name) == expect["value"]
    if "identity" in expect:
        identity = settings.identity(name)
        assert identity is not None
        found = {"endpoint": identity.service_uri, "name": identity.name, "type": identity.kind}
        assert found == expect["identity"]
    if "endpoints" in expect:
        assert [list(found) for found in settings.named_endpoints()] == expect["endpoints"]
