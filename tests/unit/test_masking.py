"""masking: no secret gets through, what is not secret does, and nothing grows without end."""

from __future__ import annotations

import pytest

from funcjson.masking import MASKED, Mask, Shown, is_secret_name, secrets_in

KEY = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE="
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJhc3JzLnMudWlkIjoiYW5uIn0.c2lnbmF0dXJlLW9mLWl0"


@pytest.mark.parametrize(
    "text",
    [
        f"Endpoint=https://x.service.signalr.net;AccessKey={KEY};Version=1.0;",
        f"Authorization: Bearer {KEY}",
        f'{{"password": "{KEY}"}}',
        f"user=a&client_secret={KEY}&b=1",
        f"/client/?hub=chat&access_token={KEY}",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}",
        f"https://f.azurewebsites.net/api/f?code={KEY}",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    masked = Mask().text(text)

    assert KEY not in masked
    assert MASKED in masked


def test_a_token_is_masked_wherever_it_stands() -> None:
    assert Mask().text(f"got {JWT} from negotiate") == f"got {MASKED} from negotiate"


def test_known_secrets_are_masked_in_any_text() -> None:
    mask = Mask(["plain words that are a key", "short"])

    assert mask.text("it said: plain words that are a key.") == f"it said: {MASKED}."
    assert mask.text("short") == "short"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", f"Bearer {KEY}", f"Bearer {MASKED}"),
        ("Authorization", KEY, MASKED),
        ("Cookie", "AppServiceAuthSession=abc; theme=dark", "AppServiceAuthSession=***; theme=***"),
        ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"),
        ("X-Functions-Key", KEY, MASKED),
        ("X-MS-TOKEN-AAD-ID-TOKEN", JWT, MASKED),
        ("X-ASRS-Signature", "sha256=00ff", MASKED),
        ("X-MS-CLIENT-PRINCIPAL-ID", "ann", "ann"),
        ("Content-Type", "application/json", "application/json"),
    ],
)
def test_headers(name: str, value: str, shown: str) -> None:
    assert Mask().header(name, value) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/api/f?code=abc&name=Amy", "http://h/api/f?code=***&name=Amy"),
        ("http://user:pass@h/api/f", "http://h/api/f"),
        (
            "http://h/client/?hub=chat&access_token=abc",
            "http://h/client/?hub=chat&access_token=***",
        ),
        ("http://h/api/f?zipcode=12345&flag", "http://h/api/f?zipcode=12345&flag"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert Mask().url(url) == shown


def test_members_with_secret_names_are_masked_whole() -> None:
    value = {
        "user": "ann",
        "password": "hunter2",
        "nested": [{"apiKey": 5, "n": 1, "token": {"a": "b"}}],
        "cookies": [],
    }

    assert Shown().value(value) == {
        "user": "ann",
        "password": MASKED,
        "nested": [{"apiKey": MASKED, "n": 1, "token": MASKED}],
        "cookies": [],
    }


def test_settings_give_their_keys_and_secret_values() -> None:
    found = secrets_in(
        [
            ("AzureSignalRConnectionString", f"Endpoint=http://localhost;AccessKey={KEY};"),
            ("MY_API_KEY", "a1b2c3d4e5f6g7"),
            ("GREETING", "hello to everybody"),
            ("AUTH_TOKEN", "anonymous"),
            ("PWD", "/home/ann/lesson-1"),
            ("OLDPWD", "/home/ann/lesson-0"),
        ]
    )

    assert KEY in found
    assert "a1b2c3d4e5f6g7" in found
    assert not found & {
        "hello to everybody",
        "anonymous",
        "/home/ann/lesson-1",
        "/home/ann/lesson-0",
    }


def test_long_texts_are_cut_and_say_so() -> None:
    shown = Shown(text_chars=10)

    assert shown.text("x" * 50) == "xxxxxxxxxx... (50 characters)"
    assert shown.text("y" * 1000).endswith("... (1000 characters)")


def test_half_a_secret_at_the_end_of_a_piece_is_not_shown() -> None:
    # The piece that is searched ends within the key, so that no rule knows it.
    shown = Shown(Mask([KEY]), text_chars=100)
    text = ("a" * 90 + KEY) * 4 + "b" * 1000

    assert KEY[:12] not in shown.text(text)


def test_long_lists_objects_and_deep_values_are_cut() -> None:
    shown = Shown(items=3, depth=2)

    assert shown.value([1, 2, 3, 4, 5]) == [1, 2, 3, "... 2 more"]
    assert shown.value({str(n): n for n in range(5)}) == {"0": 0, "1": 1, "2": 2, "...": "2 more"}
    assert shown.value([[["deep"]]]) == [["..."]]


def test_the_whole_is_bounded() -> None:
    shown = Shown(chars=1_000, text_chars=500)

    total = sum(len(shown.text("z" * 400)) for _ in range(100))

    assert total < 5_000


def test_values_that_are_no_json_become_text() -> None:
    assert Shown().value({"b": b"bytes", "s": {1}, 3: None}) == {"b": "bytes", "s": [1], "3": None}
    assert Shown().json_text('{"a": 1}') == {"a": 1}
    assert Shown().json_text("{broken") == "{broken"


def test_names_that_say_secret() -> None:
    assert is_secret_name("x-functions-key")
    assert is_secret_name("ConnectionString")
    assert not is_secret_name("keyboard")
    assert not is_secret_name("monkey")
