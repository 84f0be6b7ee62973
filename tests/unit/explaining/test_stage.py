"""The stage of an explanation: what `funcjson start` would use, without starting it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.explaining.explained_app import write_app

from funcjson.errors import Location
from funcjson.explaining.stage import LocalOnly, open_stage
from funcjson.local_service import EmbeddedService, Need
from funcjson.model import HttpRequest, TriggerEvent
from funcjson.services import HostServices
from funcjson.settings import load_settings
from funcjson.signalr.rest_client import HttpTransport
from funcjson.signalr.server import SignalRServer
from funcjson.signalr.service import ServiceOptions
from funcjson.trace import Step

SETTING = "AzureSignalRConnectionString"
AZURE = "Endpoint=https://x.service.signalr.net;AccessKey=KEYKEYKEYKEY;Version=1.0;"
WHERE = Location("negotiate/function.json")


def event(*headers: tuple[str, str]) -> TriggerEvent:
    return TriggerEvent("httpTrigger", HttpRequest("POST", "http://h/api/negotiate", headers))


async def test_without_a_connection_string_tokens_are_those_of_the_local_service(
    tmp_path: Path,
) -> None:
    async with open_stage(write_app(tmp_path), {}, run=False) as stage:
        (endpoint,) = stage.services.endpoints(SETTING, WHERE)

    assert endpoint.endpoint == "http://localhost:8888"
    assert endpoint.access_key


async def test_with_one_tokens_are_for_that_service(tmp_path: Path) -> None:
    async with open_stage(write_app(tmp_path, **{SETTING: AZURE}), {}, run=False) as stage:
        (endpoint,) = stage.services.endpoints(SETTING, WHERE)

    assert endpoint.endpoint == "https://x.service.signalr.net"


async def test_binding_ends_after_step_5_and_says_so(tmp_path: Path) -> None:
    async with open_stage(write_app(tmp_path), {}, run=False) as stage:
        plan = stage.version.plan("negotiate")
        assert plan is not None
        good = await stage.bind(plan, event(("X-MS-CLIENT-PRINCIPAL-ID", "ann")))
        bad = await stage.bind(plan, event())

    assert (good.outcome, good.events[-1].step) == ("explained", Step.INPUTS)
    assert (bad.outcome, bad.events[-1].step) == ("failed", Step.DATA)
    assert bad.problems[0].code == "FJ0302"


def test_in_a_run_every_endpoint_is_played_by_the_local_service() -> None:
    local = EmbeddedService(
        SignalRServer(ServiceOptions(port=0, keys=("LOCAL",))), Need(default=True), "LOCAL"
    )
    values = {
        SETTING: AZURE,
        "Azure__SignalR__Endpoints__east__secondary": AZURE.replace("//x.", "//east."),
    }
    inner = HostServices(load_settings(Path("/nonexistent"), values), local, HttpTransport())
    only = LocalOnly(inner, local)

    found = only.endpoints(SETTING, WHERE)

    assert {one.endpoint for one in found} == {local.endpoint.endpoint}
    assert [(one.name, one.endpoint_type) for one in found] == [
        ("east", "Secondary"),
        ("", "Primary"),
    ]
    assert only.replaced == {"https://x.service.signalr.net", "https://east.service.signalr.net"}
    assert only.rest(found[0]) is inner.rest(local.endpoint)
