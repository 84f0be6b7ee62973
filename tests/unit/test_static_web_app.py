"""Whether an app is the API of a static web app: where its configuration is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from funcjson.static_web_app import CONFIG, config_of


def api(root: Path, config: str | None) -> Path:
    app = root / "site" / "api"
    app.mkdir(parents=True)
    if config is not None:
        (root / config).parent.mkdir(parents=True, exist_ok=True)
        (root / config).write_text("{}")
    return app


@pytest.mark.parametrize("place", ["site/api", "site", "site/src", "site/public"])
def test_it_is_found_in_the_app_beside_it_and_above(tmp_path: Path, place: str) -> None:
    app = api(tmp_path, f"{place}/{CONFIG}")

    assert config_of(app) == tmp_path / place / CONFIG


@pytest.mark.parametrize(
    "place",
    [
        "",
        "other",
        "site/node_modules",
        "site/.git",
        "site/.cache",
        "site/src/deep",
        "site/api/deep",
    ],
)
def test_it_is_found_nowhere_else(tmp_path: Path, place: str) -> None:
    assert config_of(api(tmp_path, str(Path(place) / CONFIG))) is None


def test_a_neighbour_that_is_a_repository_of_its_own_is_another_project(tmp_path: Path) -> None:
    app = api(tmp_path, f"site/other/{CONFIG}")
    (tmp_path / "site/other/.git").mkdir()

    assert config_of(app) is None


def test_the_nearest_counts(tmp_path: Path) -> None:
    app = api(tmp_path, f"site/api/{CONFIG}")
    (tmp_path / "site" / CONFIG).write_text("{}")

    assert config_of(app) == app / CONFIG


def test_a_folder_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    assert config_of(tmp_path / "nowhere" / "app") is None
