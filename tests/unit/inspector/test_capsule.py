"""A capsule is one file; what is in it comes out of it, and nothing in it runs."""

from __future__ import annotations

import pytest

from funcjson.inspector.capsule import NotACapsule, make_capsule, read_capsule

TRACE = {
    "function": "send",
    "steps": [{"number": 1, "text": "</script><script>alert(1)<!--\u2028"}],
}


def test_what_goes_in_comes_out() -> None:
    assert read_capsule(make_capsule(TRACE, "", "")) == TRACE


def test_nothing_of_a_trace_ends_the_script_element() -> None:
    text = make_capsule(TRACE, "body {}", "const Steps = {};")

    data = text.partition('id="capsule">')[2].partition("</script>")[0]
    assert "<" not in data
    assert "\u2028" not in data


def test_it_loads_nothing() -> None:
    text = make_capsule(TRACE, "", "")

    assert "default-src 'none'" in text
    assert "src=" not in text.replace("-src", "")
    assert "href=" not in text


def test_the_title_is_escaped() -> None:
    text = make_capsule({"function": "<b>", "steps": []}, "", "")

    assert "<title>&lt;b&gt; · trace capsule</title>" in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html></html>", "no trace"),
        ('<script type="application/json" id="capsule">{</script>', "cannot be read"),
        (
            '<script type="application/json" id="capsule">{"format": 9, "trace": {}}</script>',
            "format 9",
        ),
        (
            '<script type="application/json" id="capsule">{"format": 1, "trace": {}}</script>',
            "no steps",
        ),
    ],
)
def test_what_is_no_capsule_is_refused(text: str, why: str) -> None:
    with pytest.raises(NotACapsule, match=why):
        read_capsule(text)
