"""`funcjson explain CODE`: the page of a code, from errors.md, without a network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from importlib.resources import files

_HEADING = re.compile(r"^## (FJ\d{4}) (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```\w+ (wrong|right) ?(\S*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def explain_code(code: str) -> str:
    """What a code means, with an example of each kind; for an unknown code the nearest ones."""
    known, wanted = pages(), _canonical(code)
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=5, cutoff=0.7)
    titles = "\n".join(f"  {known[name].splitlines()[0]}" for name in sorted(near))
    return f"There is no code {code}." + (f" Near it are:\n{titles}" if near else "")


def is_code(code: str) -> bool:
    """Whether there is a page for it, however it is written."""
    return _canonical(code) in pages()


def _canonical(code: str) -> str:
    wanted = code.strip().upper()
    return f"FJ{wanted.zfill(4)}" if wanted.isdigit() else wanted


def pages() -> Mapping[str, str]:
    """All pages as a terminal shows them, by code."""
    text = (files("funcjson") / "errors.md").read_text(encoding="utf-8")
    parts = _HEADING.split(text)
    return {
        code: f"{code}  {title}\n\n{_shown(body)}"
        for code, title, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def _shown(body: str) -> str:
    return _FENCE.sub(_example, body).strip().replace("`", "")


def _example(fence: re.Match[str]) -> str:
    kind, file, text = fence.groups()
    head = f"{kind}: {file}" if file else f"{kind}:"
    lines = text.rstrip("\n").split("\n") if text.strip() else ["(an empty file)"]
    return "\n".join([f"  {head}", *(f"      {line}" for line in lines)]) + "\n"
