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


def test_nothing_is_only_for_azure() -> None:
    for operations in document()["paths"].values():
        assert all("501" not in operation["responses"] for operation in operations.values())


def test_the_commands_of_a_transaction_are_described_one_by_one() -> None:
    whole = document(Api.V2024)
    execute = whole["paths"]["/api/hubs/{hub}/:execute"]["post"]
    kinds = whole["components"]["schemas"]["Command"]["oneOf"]

    assert [set(each["properties"]) - {"type"} for each in kinds] == [
        {"message"},
        {"group"},
        {"group"},
        {"reason"},
    ]
    assert set(execute["requestBody"]["content"]) == {"application/json"}
    assert "501" not in execute["responses"]


def test_refusals_are_listed_one_by_one_with_their_body() -> None:
    responses = document(Api.V2024)["paths"]["/api/hubs/{hub}/:send"]["post"]["responses"]

    assert set(responses) == {"202", "400", "401", "413", "414", "415", "429", "431"}
    assert responses["400"]["content"]["application/problem+json"]["schema"]["$ref"]


def test_a_result_cannot_come_of_frames_that_the_sender_encoded() -> None:
    paths = document(Api.V2024)["paths"]
    invoke = paths["/api/hubs/{hub}/connections/{connection}/:invoke"]["post"]

    assert set(invoke["requestBody"]["content"]) == {"application/json", "application/x-msgpack"}


@pytest.mark.parametrize(
    ("operation", "dates"),
    [
        ("/:send", ["2022-06-01", "2022-11-01", "2024-12-01"]),
        ("/:generateToken", ["2022-11-01", "2024-12-01"]),
        ("/connections/{connection}/:invoke", ["2024-12-01"]),
    ],
)
def test_the_versions_that_publish_an_operation_are_named(operation: str, dates: list[str]) -> None:
    for strict in (False, True):
        path = document(strict=strict)["paths"][f"/api/hubs/{{hub}}{operation}"]
        (version,) = [p for p in path["post"]["parameters"] if p["name"] == "api-version"]

        assert version["schema"]["enum"] == dates
        assert version["required"] is strict
