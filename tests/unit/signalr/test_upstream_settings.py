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
    read_text,
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
        ('{ /* a\ncomment */\n "UpstreamSettings": }', "line 3, column 22: this is not JSON"),
        ('{"UpstreamSettings":{"Templates":{"first":{}}}}', "must be an array"),
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


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ({"HubPatern": "x"}, "Templates[0].HubPatern counts for nothing; did you mean HubPattern?"),
        ({"zzz": 1}, "known are UrlTemplate, HubPattern"),
        ({"HubPattern": "chat*"}, "HubPattern 'chat*' is taken as it is"),
        ({"EventPattern": "a, *"}, "EventPattern 'a, *' is taken as it is"),
        ({"UrlTemplate": "http://h/{hubb}/{event}"}, "has {hubb}, which is sent as it is"),
    ],
)
def test_what_counts_for_nothing_is_a_warning(
    template: dict[str, str], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = {"UpstreamSettings": {"Templates": [{"UrlTemplate": "http://h", **template}]}}
    read_settings(json.dumps(whole))

    assert says in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("text", ["[]", '{"Upstream":{}}'])
def test_settings_without_templates_are_told(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read_settings(text) == ()
    assert "no UpstreamSettings.Templates" in caplog.text


def test_templates_may_be_numbered_as_net_reads_them() -> None:
    numbered = {"1": {"UrlTemplate": "http://b"}, "0": {"UrlTemplate": "http://a"}}
    rules = read_settings(json.dumps({"UpstreamSettings": {"Templates": numbered}}))

    assert [rule.url_template for rule in rules] == ["http://a", "http://b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_written_by_powershell(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(ONE, encoding=encoding)

    assert read_settings(read_text(path)) == (UpstreamRule("http://h/1"),)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b'{"\xff"')

    with pytest.raises(
        UpstreamSettingsError, match=r"not UTF-8 \(byte 3\); save the file in UTF-8"
    ):
        read_text(path)


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
    told: list[str] = []
    file = SettingsFile(tmp_path, changed=told.append)
    path = tmp_path / "settings.json"
    assert file.rules() == ()
    write(path, ONE, 1)
    assert file.rules() == (UpstreamRule("http://h/1"),)
    write(path, ONE.replace("/1", "/2"), 2)

    assert file.rules() == (UpstreamRule("http://h/2"),)
    path.unlink()
    assert file.rules() == ()
    assert told == [
        f"Loaded settings from '{path}' (1 upstream rule).",
        f"Loaded settings from '{path}' (1 upstream rule).",
        f"'{path}' is not there any more: events of clients go nowhere.",
    ]


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
    assert "the rules before it stay until it is mended" in caplog.text


def test_a_file_that_is_broken_from_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    path = tmp_path / "settings.json"
    write(path, "{", 1)
    file = SettingsFile(path, changed=told.append)

    assert file.rules() == ()
    assert "there is no upstream until it is mended" in caplog.text
    assert (file.is_good, told) == (False, [])
    write(path, ONE, 2)
    file.rules()
    assert (file.is_good, told) == (True, [f"Loaded settings from '{path}' (1 upstream rule)."])
