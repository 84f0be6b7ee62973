"""Makes the pictures of README's tour from the running product: `python -m tests.e2e.make_screenshots`."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.e2e.conftest import need
from tests.e2e.processes import ROOT, RunningHost, start_host
from tests.e2e.seeded_app import write_app
from tests.e2e.small_png import with_palette
from tests.e2e.test_browser import FLAGS

TOUR = ROOT / "runtime" / "tour"
# What differs from run to run: ids, then times, ports and figures.
_VARIES = (
    re.compile(r"\b[\w-]{22}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    re.compile(r"\d+([.:]\d+)*"),
)
WORDS = "words.json"
WIDE = {"width": 1100, "height": 680}


def make(browser: Browser, into: Path) -> list[Path]:
    """Start the seeded app, be two people on its page, and photograph each view."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        host = start_host(write_app(Path(scratch)), Path(scratch))
        try:
            return _tour(browser, host, into)
        finally:
            host.stop()


def main(into: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=list(FLAGS))
        for file in make(browser, into):
            print(f"{file}  {file.stat().st_size // 1024} KB")
        browser.close()


def _tour(browser: Browser, host: RunningHost, into: Path) -> list[Path]:
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{host.host}/_/#/clients")
    for number in (1, 2):
        pane = page.get_by_role("region", name=f"Client {number}", exact=True)
        pane.get_by_role("button", name="Connect", exact=True).click()
        expect(pane.get_by_role("status").first).to_contain_text("connected as")
    _call(page, "/api/send")
    second = page.get_by_role("list", name="What Client 2 got")
    expect(second).to_contain_text("newMessage hello")
    made = [_photo(page, into / "clients.png")]
    _call(page, "/api/wrongHub")
    page.get_by_role("link", name="Activity").click()
    page.locator("#activity a").filter(has_text="nobody got it").first.click()
    expect(page.locator("#detail .hint").first).to_be_visible()
    made.append(_photo(page, into / "nobody-got-it.png"))
    page.get_by_role("link", name="Clients").click()
    first = page.get_by_role("region", name="Client 1", exact=True)
    first.get_by_role("button", name="Disconnect").click()
    first.get_by_label("Signed in as").fill("")
    first.get_by_role("button", name="Connect", exact=True).click()
    expect(first.get_by_role("status").first).to_contain_text("answered 500")
    page.get_by_role("link", name="Activity").click()
    page.locator("#activity a").filter(has_text="failed").first.click()
    expect(page.locator("#detail .problem").first).to_be_visible()
    made.append(_photo(page, into / "nine-steps.png"))
    page.get_by_role("link", name="Functions").click()
    expect(page.get_by_role("article", name="negotiate")).to_be_visible()
    made.append(_photo(page, into / "functions.png"))
    page.get_by_role("link", name="Hubs").click()
    hub = page.get_by_role("article", name="hub chat")
    expect(hub).to_contain_text("1 connection,")
    made.append(_photo(page, into / "hubs.png"))
    context.close()
    return made


def _call(page: Page, path: str) -> None:
    form = page.get_by_role("region", name="Client 1", exact=True).locator("form")
    form = form.filter(has_text="Call a function")
    form.get_by_label("Path").fill(path)
    form.get_by_role("button", name="Call", exact=True).click()
    expect(form.get_by_role("status")).to_contain_text("Answered")


def _photo(page: Page, file: Path) -> Path:
    """The picture, and beside it the words on it, by which a test can tell that a picture is out of date."""
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)
    file.write_bytes(with_palette(page.screenshot()))
    words = file.parent / WORDS
    known = json.loads(words.read_text(encoding="utf-8")) if words.exists() else {}
    known[file.name] = _words(page)
    words.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def _words(page: Page) -> list[str]:
    """The lines of text, without what varies and in an order that does not."""
    text = page.evaluate("document.body.innerText")
    for pattern, place in zip(_VARIES, ("ID", "0"), strict=True):
        text = pattern.sub(place, text)
    return sorted({line.strip() for line in text.splitlines() if line.strip()})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TOUR)
