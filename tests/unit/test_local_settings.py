"""local_settings: what counts as a placeholder; the rest of the file is read in test_settings."""

from __future__ import annotations

import pytest

from funcjson.local_settings import is_placeholder, key_of


def test_spellings_of_one_setting_are_equal() -> None:
    assert key_of("A__b") == key_of("a:B")


@pytest.mark.parametrize(
    "text",
    [
        "<your connection string>",
        "<Update Me>",
        "{connection string}",
        "[connection-string]",
        "Endpoint=https://...;AccessKey=...",
        "YOUR_CONNECTION_STRING",
        "Endpoint=https://your-service.service.signalr.net;AccessKey=abc",
        "Replace this",
        "paste it: paste-here",
        "UPDATE_ME",
        "changeme",
        "Endpoint=https://xxxx.service.signalr.net;AccessKey=xxxx;Version=1.0;",
    ],
)
def test_placeholders_are_seen(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;",
        "Endpoint=https://four.service.signalr.net;AccessKey=aXxxxx/xxxx+yourkeyZ=;Version=1.0;",
        "Endpoint=https://my-signalr.service.signalr.net;AccessKey=k",
        "Endpoint=http://[::1]:8888;AccessKey=k",
    ],
)
def test_real_connection_strings_are_no_placeholders(text: str) -> None:
    assert not is_placeholder(text)
