"""What a reload takes of a new version, and what goes on in the old one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from funcjson.app_version import AppVersion
from funcjson.errors import HandlerLoadError, Problem
from funcjson.last_good import keep_last_good
from funcjson.plan import make_plan
from funcjson.registry import open_registry
from funcjson.settings import Settings, load_settings
from funcjson.validation import Document, Rules, validate

BROKEN = Problem("FJ0513", "the handler could not be loaded", function="h")


class Places:
    def locate(self, pointer: str) -> Any:
        return None

    locate_key = locate


def version(root: Path, *broken: str, **routes: str) -> AppVersion:
    """A version with an HTTP function for each route."""
    settings: Settings = load_settings(root, {})
    registry = open_registry()
    made = AppVersion(settings, {}, {}, ())
    for name, route in routes.items():
        trigger = {"type": "httpTrigger", "direction": "in", "name": "req", "route": route}
        document = Document(name, {"bindings": [trigger]}, root, Places())
        function, _ = validate(document, Rules(registry, settings))
        assert function is not None
        made.plans[name] = make_plan(function, registry, settings)
    made.broken.update({name: HandlerLoadError(BROKEN) for name in broken})
    return made


def test_a_function_that_broke_is_kept_where_it_was_good(tmp_path: Path) -> None:
    old, new = version(tmp_path, h="h", say="say"), version(tmp_path, "h", h="h2", say="say")
    taken = keep_last_good(new, old)

    assert taken.kept == {"h": (BROKEN,)}
    assert new.runner("H") is old
    assert new.runner("say") is new
    assert new.plans["h"] is old.plans["h"]
    assert new.broken == {}
    assert new.problems == (BROKEN,)


def test_a_function_that_is_kept_again_stays_in_the_version_that_runs_it(tmp_path: Path) -> None:
    first = version(tmp_path, h="h", say="say")
    second, third = (version(tmp_path, "h", h="h", say="say") for _ in range(2))
    keep_last_good(second, first)
    keep_last_good(third, second)

    assert third.serving == (third, first)


def test_a_function_whose_document_broke_is_kept_too(tmp_path: Path) -> None:
    old, new = version(tmp_path, h="h", say="say"), version(tmp_path, say="say")
    new.problems = (BROKEN,)
    taken = keep_last_good(new, old)

    assert taken.kept == {"h": (BROKEN,)}
    assert new.plan("h") is old.plan("h")


def test_a_function_that_never_was_good_is_in_error(tmp_path: Path) -> None:
    old, new = version(tmp_path, "h", h="h", say="say"), version(tmp_path, "h", h="h", say="say")
    taken = keep_last_good(new, old)

    assert taken.in_error == {"h": (BROKEN,)}
    assert set(new.broken) == {"h"}
    assert new.kept == {}


def test_nothing_is_taken_when_every_function_would_be_kept(tmp_path: Path) -> None:
    old, new = version(tmp_path, h="h"), version(tmp_path, "h", h="h")

    assert keep_last_good(new, old).refused == (BROKEN,)


def test_nothing_is_taken_when_another_took_the_route_of_a_broken_function(tmp_path: Path) -> None:
    old, new = version(tmp_path, h="h", say="say"), version(tmp_path, "h", h="x", say="h")

    assert keep_last_good(new, old).refused == (BROKEN,)


def test_a_removed_function_is_not_kept(tmp_path: Path) -> None:
    new = version(tmp_path, say="say")
    taken = keep_last_good(new, version(tmp_path, h="h", say="say"))

    assert (taken.refused, taken.kept) == ((), {})
    assert set(new.plans) == {"say"}


def test_code_that_cannot_be_read_is_refused_unless_there_was_nothing_before(
    tmp_path: Path,
) -> None:
    new = version(tmp_path)
    new.index_problems = (BROKEN,)

    assert keep_last_good(new, version(tmp_path, h="h")).refused == (BROKEN,)
    assert keep_last_good(new, version(tmp_path)).refused == ()
