"""Whether an app is the API of a static web app, whose logins have a shape of their own."""

from __future__ import annotations

from pathlib import Path

from funcjson.identity import Shape

CONFIG = "staticwebapp.config.json"


def shape_of(root: Path) -> Shape:
    """The shape of logins that an app has when nobody says which."""
    return "static-web-apps" if config_of(root) is not None else "app-service"


def config_of(root: Path) -> Path | None:
    """The configuration of the static web app that an app belongs to.

    The tools look for it below the folder of the static files, which stands beside the API or is the folder that both
    are in. Here only that folder and those directly below it are looked at: it may be somebody's home.
    """
    for folder in (root, root.parent, *_neighbours(root.parent)):
        if (folder / CONFIG).is_file():
            return folder / CONFIG
    return None


def _neighbours(folder: Path) -> list[Path]:
    """The folders in a folder, but for packages, hidden ones, and repositories of their own."""
    try:
        found = sorted(one for one in folder.iterdir() if one.is_dir())
    except OSError:
        return []
    return [
        one
        for one in found
        if one.name != "node_modules" and one.name[0] != "." and not (one / ".git").exists()
    ]
