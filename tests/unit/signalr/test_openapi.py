"""The OpenAPI document: one operation per row of the table, each described and answering its status."""

from __future__ import annotations

import json

import pytest

from funcjson.signalr.openapi import document
from funcjson.signalr.rest_routes import ROUTES, Api


@pytest.mark.parametrize("api", list(Api))
def test_a_document_holds_the_operations_of_its_version(api: Api) -> None:
    paths = document(api)["paths"]
    ours = {(r.method.lower(), r.path, str(r.status)) for r in ROUTES if r.api == api}

    found = {
        (method, path, next(iter(operation["responses"])))
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    assert found == ours


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    text = json.dumps(whole)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= set(whole["components"]["schemas"])


def test_every_path_parameter_is_declared() -> None:
    for path, operations in document()["paths"].items():
        for operation in operations.values():
            declared = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert declared == [part[1:-1] for part in path.split("/") if part.startswith("{")]
            assert operation["summary"].endswith(".")
