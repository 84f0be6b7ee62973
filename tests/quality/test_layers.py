"""The layer rule: a module imports only from rows below its own, and the islands nothing of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "runtime" / "funcjson"

# From the ground up. A package is one unit; units in one row do not know each other.
ROWS: tuple[tuple[str, str], ...] = (
    (
        "words and texts",
        "app_offline console dotnet_text errors explain held_ports http_route_constraints identity",
    ),
    ("words and texts", "honesty json_reader noun private_file schema_check schemas"),
    ("words and texts", "watched_files"),
    ("nouns", "cors expression_faults given host_config_reader http_headers http_json"),
    ("nouns", "http_route_templates json_source reload"),
    ("nouns", "listening login_page masking model session_key static_web_app trace turned_away"),
    ("parts of readers", "host_config_values"),
    ("readers", "binding_data host_config http_response http_routes http_wire personas"),
    ("readers", "keys local_settings local_settings_rules"),
    ("templates", "http_binding_data http_route_table http_stream templates"),
    ("settings and expressions", "expressions login settings"),
    ("binding types", "bindings http_principal local_service"),
    ("registry", "app_rules canonical fired_events registry services"),
    ("rules", "document_rules plan wrong_documents"),
    (
        "validation, pipeline, workers",
        "banner http_admin http_options pipeline timers validation workers",
    ),
    ("what is served", "http_absent http_served setting_values"),
    ("the host's own URLs", "http_endpoints"),
    ("front ends, HTTP server", "frontends http_answer http_server"),
    ("an app", "app_version check install overdue scaffold trace_view"),
    ("app facts", "app_facts"),
    ("invocations", "app_hints invoker last_good show upstream_webhook"),
    ("reloading", "reloading"),
    ("host", "host"),
    ("what people call", "explaining"),
    ("the page", "inspector"),
    ("what starts them", "doctor replay start testing"),
    ("commands of many words", "explain_commands start_command"),
    ("command line", "cli"),
    ("command line, as a module", "__main__"),
)

# The local SignalR service stands alone; the others come in through these doors.
SIGNALR_DOORS = frozenset(
    {
        "__main__",
        "connection_string",
        "credentials",
        "errors",
        "events",
        "http_log",
        "loopback",
        "messages",
        "options",
        "plain_text",
        "protocols",
        "rest_client",
        "rest_errors",
        "rest_message",
        "server",
        "service",
    }
)


def rows() -> dict[str, int]:
    """The row of each unit; neighbouring lines with one title are one row."""
    found: dict[str, int] = {}
    number, title = -1, ""
    for own_title, units in ROWS:
        if own_title != title:
            number, title = number + 1, own_title
        found |= dict.fromkeys(units.split(), number)
    return found


def imports(source: str) -> Iterator[str]:
    """Modules of funcjson that a text imports, below the package: `bindings.base`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name[9:] for a in node.names if a.name.startswith("funcjson."))
        elif isinstance(node, ast.ImportFrom) and node.module == "funcjson":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("funcjson."):
            module = str(node.module)[9:]
            yield from (f"{module}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """What a module may not import. `module` is its dotted name below the package."""
    unit, _, _ = module.partition(".")
    found: list[str] = []
    for imported in imports(source):
        other, _, rest = imported.partition(".")
        if other == unit:
            if module.startswith("workers.python_worker") and "python_worker" not in imported:
                found.append(f"{module} -> {imported}: the worker program imports nothing of ours")
            continue
        if unit == "signalr" or module.startswith("workers.python_worker"):
            found.append(f"{module} -> {imported}: an island imports nothing of ours")
        elif other == "signalr":
            if rest.partition(".")[0] not in SIGNALR_DOORS:
                found.append(f"{module} -> {imported}: not a door of the service")
        elif rows().get(other, 99) >= rows().get(unit, -1):
            found.append(f"{module} -> {imported}: not in a row below")
    return found


def _modules() -> list[tuple[str, Path]]:
    return [
        (".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), file)
        for file in sorted(PACKAGE.rglob("*.py"))
        if file != PACKAGE / "__init__.py"
    ]


def test_each_module_has_a_row() -> None:
    units = {module.partition(".")[0] for module, _ in _modules()} - {"signalr"}

    assert sorted(units - set(rows())) == [], "give the new unit a row in ROWS"
    assert sorted(set(rows()) - units - {"testing"}) == [], "a row names what is not there"


@pytest.mark.parametrize(
    ("module", "file"), _modules(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_imports_point_down(module: str, file: Path) -> None:
    assert violations(module, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("model", "from funcjson.registry import open_registry"),
        ("expressions", "from funcjson import settings"),
        ("plan", "import funcjson.pipeline"),
        ("pipeline", "def late():\n    from funcjson.host import serve"),
        ("signalr.hub", "from funcjson.errors import Problem"),
        ("bindings.signalr", "from funcjson.signalr.hub import Hub"),
        ("bindings.signalr", "from funcjson.registry import open_registry"),
        ("workers.python_worker.loading", "from funcjson.model import Function"),
        ("workers.python_worker.loading", "from funcjson.workers.wire import read"),
    ],
)
def test_a_planted_violation_is_caught(module: str, planted: str) -> None:
    assert len(violations(module, planted)) == 1


def test_what_is_allowed_is_not_reported() -> None:
    assert violations("plan", "from funcjson.model import Function\nimport json") == []
    assert violations("bindings.http", "from funcjson.bindings.base import OutputType") == []
    assert violations("host", "from funcjson.signalr.server import SignalRServer") == []
