"""Decorated functions as documents; the texts of mistakes are in the vectors."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import azure.functions as func

from funcjson.workers.python_worker import indexing
from funcjson.workers.python_worker.signatures import BoundParameter


def module(**members: object) -> ModuleType:
    made = ModuleType("function_app")
    vars(made).update(members)
    return made


def app() -> func.FunctionApp:
    made = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @made.route(route="r", methods=[func.HttpMethod.GET, "POST"])
    @made.generic_output_binding("msgs", "signalR", data_type=func.DataType.STRING, hub_name="h")
    def f(req: func.HttpRequest, msgs: func.Out[str]) -> str:
        return ""

    return made


def test_a_function_is_described_as_function_json_would() -> None:
    root = str(Path(__file__).parent)
    described = indexing.describe(app().get_functions()[0], "function_app.py", root)

    assert described["document"]["bindings"] == [
        {
            "direction": "out",
            "dataType": "string",
            "type": "signalR",
            "hubName": "h",
            "name": "msgs",
        },
        {
            "direction": "in",
            "type": "httpTrigger",
            "name": "req",
            "methods": ["get", "post"],
            "authLevel": "anonymous",
            "route": "r",
        },
        {"direction": "out", "type": "http", "name": "$return"},
    ]
    assert described["script_file"] == Path(__file__).name
    assert described["line"] > 0
    assert described["entry_point"] == "f"


def test_a_function_of_a_library_is_placed_in_the_apps_file(tmp_path: Path) -> None:
    described = indexing.describe(app().get_functions()[0], "function_app.py", str(tmp_path))

    assert (described["script_file"], described["line"]) == ("function_app.py", 0)


def test_a_function_of_a_library_in_the_apps_folder_is_placed_in_the_apps_file() -> None:
    made = func.WsgiFunctionApp(lambda environ, start: [])
    root = str(Path(func.__file__).parents[5])
    described = indexing.describe(made.get_functions()[0], "function_app.py", root)

    assert (described["script_file"], described["line"]) == ("function_app.py", 0)


def test_bindings_as_the_checks_see_them() -> None:
    assert indexing.bound_parameters(app().get_functions()[0]) == [
        BoundParameter("msgs", "signalR", "out", 1),
        BoundParameter("req", "httpTrigger", "in", None),
        BoundParameter("$return", "http", "out", None),
    ]


def test_a_sound_app_has_no_warnings() -> None:
    made = app()

    assert list(indexing.warnings(module(app=made, func=func), made)) == []


def test_a_decorator_that_is_not_called_is_named() -> None:
    made = app()
    lost = made.route(lambda req: "")

    assert list(indexing.warnings(module(app=made, lost=lost), made)) == [
        "lost is not a function of this app: its decorator is written without parentheses. Write "
        "@app.route() instead of @app.route."
    ]


class Lazy:
    """As flask's `request` and `session`: an answer only while a request is served."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("Working outside of request context.")

    def __bool__(self) -> bool:
        raise RuntimeError("Working outside of request context.")


def test_a_proxy_that_answers_only_in_a_call_is_not_asked() -> None:
    made = app()

    assert list(indexing.warnings(module(app=made, request=Lazy()), made)) == []


def test_a_blueprint_must_be_registered() -> None:
    made, blueprint = app(), func.Blueprint()
    blueprint.route()(lambda req: "")
    (warning,) = indexing.warnings(module(app=made, bp=blueprint), made)
    made.register_functions(blueprint)

    assert "Add app.register_functions(bp)" in warning
    assert list(indexing.warnings(module(app=made, bp=blueprint), made)) == []
