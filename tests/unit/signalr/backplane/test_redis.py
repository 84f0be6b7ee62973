from __future__ import annotations

import pytest

from funcjson.signalr.backplane import redis as module
from funcjson.signalr.backplane.redis import RedisBackplane
from funcjson.signalr.errors import BackplaneUnavailable


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://localhost", "begins with redis://"),
        ("redis://h/0?retries=3", "the option 'retries'"),
        ("redis://h?db=first", "an option that cannot be used: Invalid value for 'db'"),
        ("rediss://h?ssl_cert_reqs=maybe", "an option that cannot be used: .*maybe"),
        ("rediss://h?ssl_retries=3", "an option that cannot be used: .*ssl_retries"),
    ],
)
def test_an_url_that_cannot_be_used_is_refused(url: str, says: str) -> None:
    with pytest.raises(BackplaneUnavailable, match=says):
        RedisBackplane(url)


def test_without_its_package_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "redis_client", None)

    with pytest.raises(BackplaneUnavailable, match=r"pip install 'funcjson\[redis\]'"):
        RedisBackplane("redis://localhost")


def test_a_node_is_alone_only_once_it_has_joined() -> None:
    node = RedisBackplane("redis://localhost")

    assert not node.is_alone
    assert node.name
