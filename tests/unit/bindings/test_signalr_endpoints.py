"""signalREndpoints lists the endpoints, without keys."""

from __future__ import annotations

import pytest
from tests.unit.bindings.signalr_fakes import KEY, FakeServices, resolved

from funcjson.bindings.signalr_endpoints import BINDING
from funcjson.errors import BindingError


async def test_the_unnamed_endpoint_has_an_empty_name() -> None:
    value = await BINDING.bind(resolved("signalREndpoints", hubName="chat"), FakeServices())

    assert value == {
        "json": '[{"endpointType":"Primary","name":"","endpoint":"http://localhost:8888",'
        '"online":true}]'
    }
    assert KEY not in value["json"]


async def test_the_hub_is_needed() -> None:
    with pytest.raises(BindingError) as caught:
        await BINDING.bind(resolved("signalREndpoints"), FakeServices())

    assert caught.value.problems[0].code == "FJ0310"
