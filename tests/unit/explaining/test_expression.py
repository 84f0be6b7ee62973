"""explain expression: the shape of the document, names on offer, warnings and labels."""

from __future__ import annotations

from typing import Any

import pytest

from funcjson.explaining.expression import Given, explain_expression


def explained(text: str, given: Given | None = None, *, azure: bool = False) -> dict[str, Any]:
    return explain_expression(text, given or Given(), lambda: 0.0, azure=azure)


def test_the_shape_is_the_same_with_and_without_a_value() -> None:
    assert list(explained("{nope}")) == list(explained("plain"))


def test_a_value_from_everything_that_can_be_given() -> None:
    given = Given((("X-User", "ann"),), "?a=1", '{"n": 5}', {"room": "r1"}, {"Hub": "chat"})

    document = explained("%Hub%/{headers.x-user}/{query.a}/{n}/{room}", given)

    assert document["value"] == "chat/ann/1/5/r1"
    assert document["error"] is None
    assert [t["source"] for t in document["tokens"] if t["kind"] == "setting"] == ["given here"]


def test_a_missing_name_names_what_was_offered() -> None:
    document = explained("{headers.x-usr}", Given((("X-User", "ann"),)))

    assert document["error"]["code"] == "FJ0302"
    assert "did you mean {headers.x-user}?" in document["error"]["fix"]
    assert "headers.x-user" in [row["name"] for row in document["offered"]]


def test_settings_of_this_machine_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_HERE", "value")

    assert explained("%ONLY_HERE%")["error"]["code"] == "FJ0304"


def test_what_differs_from_azure_is_said_and_can_be_had() -> None:
    forged = Given((("X-User", "ann"),), body='{"headers": {"x-user": "forged"}}')

    ours, azures = (
        explained("{headers.x-user}", forged),
        explained("{headers.x-user}", forged, azure=True),
    )

    assert (ours["value"], azures["value"]) == ("ann", "forged")
    assert {"data-shadow": "differs here"}.items() <= {
        r["id"]: r["label"] for r in ours["rules"]
    }.items()
    assert "data-shadow-azure" in [rule["id"] for rule in azures["rules"]]


def test_a_warning_that_is_not_the_error_itself() -> None:
    login = Given((("X-MS-CLIENT-PRINCIPAL-ID", "ann"),))

    document = explained("{headers.x-ms-client-principal-id}", login)

    assert [warning["code"] for warning in document["warnings"]] == ["FJ0324"]


def test_tokens_and_keys_are_masked() -> None:
    given = Given((("Authorization", "Bearer abcdefgh12345"),))

    assert "abcdefgh12345" not in str(explained("{headers.authorization}", given))
