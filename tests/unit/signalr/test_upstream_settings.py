"""The emulator's settings file: what it takes, and what a broken one is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from funcjson.signalr.upstream_settings import (
    FUNCTIONS_URL,
    SettingsFile,
    UpstreamRule,
    UpstreamSettingsError,
    choose,
    initial_settings,
    near_misses,
    read_settings,
)

ONE = '{"UpstreamSettings":{"Templates":[{"UrlTemplate":"http://h/1"}]}}'


def test_names_ignore_letter_case_and_comments_and_trailing_commas_are_fine() -> None:
    rules = read_settings(
        """\ufeff{ // the official emulator reads this too
          "upstreamSettings": { "TEMPLATES": [ /* one */
            {"urltemplate": "http://h/{hub}//x", "eventPattern": "a,]b", "HUBPATTERN": null,},
          ] } }"""
    )

    assert rules == (UpstreamRule("http://h/{hub}//x", hub=None, event="a,]b"),)


def test_patterns_are_everything_by_default() -> None:
    assert read_settings(ONE) == (UpstreamRule("http://h/1", "*", "*", "*"),)


@pytest.mark.parametrize("text", ["", "{}", '{"UpstreamSettings":{}}', '{"UpstreamSettings":null}'])
def test_no_templates_are_no_rules(text: str) -> None:
    assert read_settings(text) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ('{"UpstreamSettings":{"Templates":{}}}', "must be an array"),
        ('{"UpstreamSettings":{"Templates":[1]}}', "Templates[0] must be an object"),
        ('{"UpstreamSettings":{"Templates":[{}]}}', "needs a UrlTemplate"),
        ('{"UpstreamSettings":{"Templates":[{"UrlTemplate":"h/x"}]}}', "absolute http"),
        ('{"UpstreamSettings":{"Templates":[{"UrlTemplate":"http://[x"}]}}', "absolute http"),
        (
            '{"UpstreamSettings":{"Templates":[{"UrlTemplate":"http://h","HubPattern":1}]}}',
            "patterns must be text",
        ),
    ],
)
def test_a_broken_file_is_told_where(text: str, says: str) -> None:
    with pytest.raises(UpstreamSettingsError) as caught:
        read_settings(text)

    assert says in str(caught.value)


def test_the_environment_overrides_and_adds() -> None:
    environment = {
        "UpstreamSettings__Templates__0__EventPattern": "a",
        "upstreamsettings:templates:1:urltemplate": "http://h/2",
        "PATH": "x",
    }

    assert read_settings(ONE, environment) == (
        UpstreamRule("http://h/1", event="a"),
        UpstreamRule("http://h/2"),
    )


def test_what_only_azure_can_do_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    template = {
        "UrlTemplate": "http://h/x?code={@Microsoft.KeyVault(SecretUri=https://v/s)}",
        "Auth": {"type": "ManagedIdentity"},
    }
    (rule,) = read_settings(json.dumps({"UpstreamSettings": {"Templates": [template]}}))

    assert rule.url("h", "c", "e") == template["UrlTemplate"]
    assert "Key Vault" in caplog.text
    assert "ManagedIdentity" in caplog.text


def test_order_is_priority() -> None:
    rules = [UpstreamRule("http://1", event="a"), UpstreamRule("http://2")]

    assert choose(rules, "h", "messages", "a") is rules[0]
    assert choose(rules, "h", "messages", "b") is rules[1]
    assert choose(rules[:1], "h", "messages", "b") is None


def test_only_the_nearest_misses_are_told() -> None:
    rules = [
        UpstreamRule("http://1", hub="x", event="y"),
        UpstreamRule("http://2", category="connections"),
        UpstreamRule("http://3", event=""),
    ]

    assert near_misses(rules, "h", "messages", "e") == (
        "template 1: category 'messages' is not in 'connections'; template 2: event 'e' is not"
        " in ''"
    )
    assert near_misses([], "h", "messages", "e") == ""


def test_a_new_settings_file_sends_everything_to_functions() -> None:
    assert read_settings(initial_settings()) == (UpstreamRule(FUNCTIONS_URL),)


def write(path: Path, text: str, at: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(at, at))


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path)
    path = tmp_path / "settings.json"
    assert file.rules() == ()
    write(path, ONE, 1)
    assert file.rules() == (UpstreamRule("http://h/1"),)
    write(path, ONE.replace("/1", "/2"), 2)

    assert file.rules() == (UpstreamRule("http://h/2"),)
    path.unlink()
    assert file.rules() == ()


def test_a_broken_change_keeps_the_rules_before_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    write(path, ONE, 1)
    file = SettingsFile(path)
    before = file.rules()
    write(path, "{", 2)

    assert file.rules() == before
    assert file.rules() == before
    assert caplog.text.count("not JSON") == 1
