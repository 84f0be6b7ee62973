from __future__ import annotations

import pytest

from funcjson.signalr.backplane import redis as module
from funcjson.signalr.backplane.redis import RedisBackplane, place_of
from funcjson.signalr.errors import BackplaneUnavailable


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "Redis at localhost:6379"),
        ("redis://user:secret@h:1/2?x=y", "Redis at h:1"),
        ("rediss://:secret@[::1]:7", "Redis at ::1:7"),
        ("unix:///run/redis.sock?db=1", "Redis at /run/redis.sock"),
        ("redis://h:secret", "Redis at h:6379"),
    ],
)
def test_a_place_is_told_without_secrets(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", ""])
def test_an_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(BackplaneUnavailable, match="begins with redis://"):
        RedisBackplane(url)


def test_without_its_package_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "redis_client", None)

    with pytest.raises(BackplaneUnavailable, match=r"pip install 'funcjson\[redis\]'"):
        RedisBackplane("redis://localhost")


def test_a_node_is_alone_only_once_it_has_joined() -> None:
    node = RedisBackplane("redis://localhost")

    assert not node.is_alone
    assert node.name
