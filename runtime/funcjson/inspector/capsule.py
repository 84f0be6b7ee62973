"""A trace capsule: one invocation as one HTML file that shows its nine steps without the tool. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

FORMAT = 1
_DATA = re.compile(
    r'<script type="application/json" id="capsule">(?P<data>.*?)</script>', re.DOTALL
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="funcjson trace capsule">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body class="capsule">
<main id="main" class="panel">
<noscript><p>This page needs JavaScript to draw the nine steps. The data stands below it as JSON.</p></noscript>
</main>
<footer class="note">A trace capsule: keys, tokens and cookies are masked.
Run it again with <code>funcjson replay FILE --app DIR</code>.</footer>
<script type="application/json" id="capsule">{data}</script>
<script>
{script}
</script>
<script>Steps.showCapsule(document.getElementById("main"), JSON.parse(document.getElementById("capsule").textContent));</script>
</body>
</html>
"""


class NotACapsule(ValueError):
    """The text is not a trace capsule; the message says why."""


def make_capsule(document: Mapping[str, Any], style: str, script: str) -> str:
    """The file for a trace document. `style` and `script` are the page's, which draw the steps."""
    text = json.dumps({"format": FORMAT, "trace": document}, ensure_ascii=False)
    # Inside a script element only these could end it or start a comment.
    data = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    title = f"{document.get('function') or 'request'} · trace capsule"
    return _PAGE.format(title=escape(title), style=style, script=script, data=data)


def read_capsule(text: str) -> dict[str, Any]:
    """The trace document in a capsule. Raises NotACapsule."""
    found = _DATA.search(text)
    if found is None:
        raise NotACapsule("it has no trace in it")
    try:
        content = json.loads(found["data"])
        trace = content["trace"]
        version = content["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotACapsule("its trace cannot be read") from error
    if version != FORMAT:
        raise NotACapsule(f"it has format {version}, and this version reads format {FORMAT}")
    if not isinstance(trace, dict) or not isinstance(trace.get("steps"), list):
        raise NotACapsule("its trace has no steps")
    return trace
