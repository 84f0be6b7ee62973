"""CORS; who is allowed is in tests/conformance/vectors/http.json."""

from __future__ import annotations

import pytest

from funcjson.cors import make_policy, refusal, refused_request


def test_a_star_with_credentials_is_warned_of() -> None:
    _, problems = make_policy(["*"], True)

    assert [p.code for p in problems] == ["FJ0151"]


def test_a_slash_at_the_end_is_warned_of() -> None:
    _, problems = make_policy(["https://a.test/"], False)

    assert [(p.code, p.fix) for p in problems] == [("FJ0152", "write https://a.test")]


def test_blank_origins_are_no_configuration() -> None:
    policy, problems = make_policy(["", " "], False)

    assert (policy.configured, problems) == (False, ())


def test_a_refusal_names_the_origin_and_the_setting() -> None:
    policy, _ = make_policy([], False)

    text = refusal(policy, "http://b.test")

    assert '"CORS": "http://b.test", "CORSCredentials": true' in text


def test_a_refusal_with_a_list_says_to_add_to_it() -> None:
    policy, _ = make_policy(["http://a.test"], True)

    assert 'add it to "Host": {"CORS": "http://b.test"}' in refusal(policy, "http://b.test")


def test_a_page_from_a_file_is_told_to_be_served() -> None:
    policy, _ = make_policy([], False)

    assert "serve it over http" in refusal(policy, "null")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost.:3000", True),
        ("http://app.localhost:3000", True),
        ("https://a.b.LocalHost", True),
        ("http://localhost.evil.test", False),
        ("http://evillocalhost", False),
        ("http://x@app.localhost", False),
        ("null", False),
    ],
)
def test_every_name_of_this_machine_may_call_by_default(origin: str, expected: bool) -> None:
    policy, _ = make_policy([], False)

    assert policy.allows(origin) == expected


def test_a_preflight_without_asked_headers_names_none() -> None:
    policy, _ = make_policy(["http://a.test"], False)

    names = [name for name, _ in policy.preflight("http://a.test", "PUT", "")]

    assert "Access-Control-Allow-Headers" not in names


@pytest.mark.parametrize(
    ("method", "headers", "runs"),
    [
        ("GET", (), True),
        ("POST", (("Content-Type", "text/plain; charset=utf-8"), ("Sec-Fetch-Mode", "cors")), True),
        ("POST", (("Content-Type", "application/json"),), False),
        ("POST", (("X-Requested-With", "XMLHttpRequest"),), False),
        ("PUT", (), False),
    ],
)
def test_a_refused_page_sends_only_what_needs_no_question(
    method: str, headers: tuple[tuple[str, str], ...], runs: bool
) -> None:
    policy, _ = make_policy([], False)

    text = refused_request(policy, "http://b.test", method, headers)

    assert ("The function runs, but the browser does not let the page read" in text) == runs
    assert ("so the function does not run" in text) != runs
