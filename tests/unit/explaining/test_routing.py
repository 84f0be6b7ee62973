"""Which function answers a request, and why each other one does not."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.explaining.explained_app import HTTP, write_app

from funcjson.app_version import AppVersion, Loader
from funcjson.explaining.routing import OTHER_PATH, choose, nothing_answers


async def load(root: Path, environ: dict[str, str] | None = None) -> AppVersion:
    return await Loader(root, environ or {}).load()


def add(root: Path, name: str, **trigger: object) -> None:
    (root / name).mkdir()
    document = {"bindings": [{**HTTP, **trigger}]}
    (root / name / "function.json").write_text(json.dumps(document), "utf-8")
    (root / name / "__init__.py").write_text("def main(req):\n    return 'x'\n", "utf-8")


async def test_the_function_its_parameters_and_the_reasons_of_the_others(tmp_path: Path) -> None:
    choice = choose(await load(write_app(tmp_path)), "POST", "/api/send/Ann%20B")

    assert choice.function == "send"
    assert choice.params == {"who": "Ann B"}
    assert [(row["function"], row["why"]) for row in choice.rejected] == [("negotiate", OTHER_PATH)]
    assert choice.rejected[0]["route"] == "POST /api/negotiate"


async def test_the_wrong_method_says_which_it_takes(tmp_path: Path) -> None:
    choice = choose(await load(write_app(tmp_path)), "GET", "/api/negotiate")

    assert choice.function is None
    assert "it takes POST, not GET" in [row["why"] for row in choice.rejected]
    assert "negotiate takes POST, not GET" in choice.hint


async def test_a_route_that_fits_too_comes_later_by_name(tmp_path: Path) -> None:
    add(write_app(tmp_path), "zzz", route="send/{x}")

    choice = choose(await load(tmp_path), "POST", "/api/send/a")

    assert choice.function == "send"
    assert "it fits too, but 'send' comes first by name" in [row["why"] for row in choice.rejected]


async def test_functions_that_are_off_or_did_not_load_are_named(tmp_path: Path) -> None:
    add(write_app(tmp_path), "off")
    add(tmp_path, "broken", type="htpTrigger")

    version = await load(tmp_path, {"AzureWebJobs.off.Disabled": "true"})
    why = {row["function"]: row["why"] for row in choose(version, "GET", "/api/off").rejected}

    assert why["off"] == "it is disabled"
    assert why["broken"].startswith(
        "it did not load: there is no binding type 'htpTrigger' (broken/"
    )
    assert why["broken"].endswith(", FJ0209")


def test_a_request_that_nothing_answers_is_a_problem() -> None:
    problem = nothing_answers("GET", "/x", "a is at /api/x")

    assert (problem.code, problem.why) == ("FJ0247", "a is at /api/x")


def add_javascript(root: Path, name: str, **trigger: object) -> None:
    add(root, name, **trigger)
    (root / name / "__init__.py").unlink()
    (root / name / "index.js").write_text("module.exports = async () => {};\n", "utf-8")


async def test_a_function_of_another_language_is_a_candidate_that_is_left_out(
    tmp_path: Path,
) -> None:
    add_javascript(write_app(tmp_path), "shape", route="say/shape")
    version = await load(tmp_path)

    choice = choose(version, "POST", "/api/say/shape")
    elsewhere = choose(version, "POST", "/api/negotiate")

    said = "is left out: it is node, and the app is python"
    rows = {row["function"]: row for row in choice.rejected}
    assert rows["shape"]["why"] == f"it {said} (FJ0144)"
    assert choice.hint == f"shape {said} (shape/function.json:1:1)"
    problem = nothing_answers("POST", "/api/say/shape", choice.hint, choice.broken)
    assert "remove FUNCTIONS_WORKER_RUNTIME" in problem.fix
    (far,) = [row for row in elsewhere.rejected if row["function"] == "shape"]
    assert (far["route"], far["why"]) == ("any method /api/say/shape, left out", OTHER_PATH)


async def test_a_function_that_host_json_does_not_name_is_left_out(tmp_path: Path) -> None:
    write_app(tmp_path)
    host = {"version": "2.0", "functions": ["negotiate"]}
    (tmp_path / "host.json").write_text(json.dumps(host), "utf-8")

    choice = choose(await load(tmp_path), "POST", "/api/send/ann")

    said = "is left out: host.json has a list of functions that does not name it"
    assert f"it {said} (FJ0146)" in [row["why"] for row in choice.rejected]
    assert choice.hint == f"send {said} (host.json)"
    assert choice.broken is not None and 'add "send"' in choice.broken.fix
