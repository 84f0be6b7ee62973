"""http_served: one version of an app, ready to be served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.contract.http_world import App, plan

from funcjson.http_options import MAX_BODY, HttpServerOptions
from funcjson.http_routes import RouteMatch
from funcjson.http_served import Served, served_of
from funcjson.settings import load_settings


def served(
    root: Path,
    *plans: Any,
    http: Any = None,
    environ: Any = None,
    streams: Any = (),
    **options: Any,
) -> Served:
    document = {"version": "2.0", "extensions": {"http": http or {}}}
    (root / "host.json").write_text(json.dumps(document))
    app = App(
        {one.function.name.lower(): one for one in plans},
        load_settings(root, environ or {}),
        streams=frozenset(streams),
    )
    return served_of(app, HttpServerOptions(app_root=root, **options))


def test_functions_that_are_off_have_routes_of_their_own(tmp_path: Path) -> None:
    found = served(tmp_path, plan("on"), plan("off", disabled=True), plan("tick", "timerTrigger"))

    assert [route.function for route in found.table.routes] == ["on"]
    assert found.disabled.match("GET", "/api/off") == RouteMatch("off", {})


def test_the_level_is_the_hosts_own_when_a_trigger_names_none(tmp_path: Path) -> None:
    found = served(tmp_path, plan("a"), plan("b", authLevel="anonymous"))

    assert found.levels == {"a": "function", "b": "anonymous"}
    assert found.keys is None
    assert served(tmp_path, plan("a"), auth=True).keys is not None


def test_limits_are_those_of_host_json(tmp_path: Path) -> None:
    limits = {"maxOutstandingRequests": 5, "maxConcurrentRequests": 2, "customHeaders": {"X": "y"}}

    limited, free = served(tmp_path, plan("a"), http=limits), served(tmp_path, plan("a"))

    assert (limited.limit, limited.slots is None, free.limit, free.slots) == (5, False, -1, None)
    assert limited.custom_headers == (("X", "y"),)


@pytest.mark.parametrize(("text", "size"), [("1000", 1000), ("", MAX_BODY), ("much", MAX_BODY)])
def test_the_size_of_a_body_is_a_setting(tmp_path: Path, text: str, size: int) -> None:
    environ = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": text}

    assert served(tmp_path, plan("a"), environ=environ).max_body == size


def test_only_functions_that_stream_get_a_body_that_still_arrives(tmp_path: Path) -> None:
    found = served(tmp_path, plan("a"), plan("b"), streams=["a"])

    assert (found.streams, found.passes) == ({"a"}, {"a"})
