"""The page at /_/ in a real browser: it says why a message did not arrive, and shows what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, Locator, Page, expect, sync_playwright
from tests.e2e.conftest import need
from tests.e2e.make_screenshots import TOUR, WORDS, make
from tests.e2e.processes import RunningHost, request, run_funcjson, start_host
from tests.e2e.seeded_app import add_misspelt, write_app
from tests.e2e.test_browser import FLAGS

ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    app = write_app(tmp_path_factory.mktemp("inspector"))
    add_misspelt(app)
    return app


@pytest.fixture(scope="module")
def host(app: Path, node: str) -> Iterator[RunningHost]:
    host = start_host(app, app.parent)
    try:
        yield host
        assert host.stop() == 0, host.output.text()
    finally:
        host.kill()


class Inspector:
    """The page, in a window of its own."""

    def __init__(self, browser: Browser, host: RunningHost) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note)
        self.host = host
        self.page.goto(f"{host.host}/_/")

    def _note(self, asked: object) -> None:
        url = getattr(asked, "url", "")
        if not url.startswith((self.host.host, self.host.service, "data:")):
            self.outside.append(url)

    def view(self, name: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()

    def row(self, title: str, badge: str) -> Locator:
        """The newest line of the list with a title; it must have this badge."""
        self.view("Activity")
        row = self.page.locator("#activity a").filter(
            has=self.page.locator(".title", has_text=re.compile(f"^{re.escape(title)}$"))
        )
        expect(row.first).to_contain_text(badge)
        return row.first

    def settled_row(self, title: str, badge: str) -> Locator:
        """The same, with nothing on its way to the list."""
        self.page.reload()
        return self.row(title, badge)

    def opened(self, title: str, badge: str) -> Locator:
        """The details of the newest line with a title."""
        self.row(title, badge).click()
        detail = self.page.locator("#detail")
        expect(detail.get_by_role("heading", level=2)).to_have_text(title)
        return detail

    def pane(self, number: int) -> Locator:
        self.view("Clients")
        return self.page.get_by_role("region", name=f"Client {number}", exact=True)

    def connect(self, number: int, through: str | None = None) -> Locator:
        pane = self.pane(number)
        if through is not None:
            pane.get_by_label("Connect through").select_option(label=through)
        pane.get_by_role("button", name="Connect", exact=True).click()
        return pane

    def connected(self, number: int) -> str:
        """Connect a client and give its connection id."""
        state = self.connect(number).get_by_role("status").first
        expect(state).to_contain_text("connected as")
        return (state.text_content() or "").rpartition(" ")[2]

    def call(self, number: int, path: str, body: str = "{}", origin: str = "") -> Locator:
        pane = self.pane(number)
        form = pane.locator("form").filter(has_text="Call a function")
        form.get_by_label("Path").fill(path)
        form.get_by_label("Body").fill(body)
        form.get_by_label("From a page of").fill(origin)
        form.get_by_role("button", name="Call", exact=True).click()
        said = form.get_by_role("status")
        expect(said).to_contain_text("Answered")
        return said


@pytest.fixture
def inspector(browser: Browser, host: RunningHost) -> Iterator[Inspector]:
    inspector = Inspector(browser, host)
    yield inspector
    inspector.context.close()
    assert inspector.errors == []
    assert inspector.outside == []


# --- the ten seeded cases -------------------------------------------------------------------------


def test_wrong_hub(inspector: Inspector) -> None:
    inspector.connected(1)
    inspector.call(1, "/api/wrongHub")

    detail = inspector.opened("wrongHub", "nobody got it")

    expect(detail).to_contain_text("nobody got it")
    expect(detail).to_contain_text("no function of this app lets clients into hub 'chta'")
    expect(detail).to_contain_text("'chat' (negotiate, negotiate/function.json:")
    why = detail.get_by_role("list", name="Why")
    why.get_by_role("button", name="wrongHub/function.json:").first.click()
    expect(why).to_contain_text('"hubName": "chta"')


def test_wrong_group(inspector: Inspector) -> None:
    inspector.connected(1)
    pane = inspector.pane(1)
    pane.get_by_label("Group", exact=True).fill("Lobby")
    pane.get_by_role("button", name="Join").click()
    expect(pane.get_by_text("in group Lobby")).to_be_visible()
    inspector.call(1, "/api/wrongGroup")

    detail = inspector.opened("wrongGroup", "nobody got it")

    expect(detail.locator('[data-step="9"]')).to_contain_text(re.compile("group .?lobby", re.I))
    expect(detail.locator('[data-step="9"]')).to_contain_text("Lobby")
    missed = detail.get_by_role("table").filter(has_text="did not get it")
    expect(missed.get_by_role("row", name="not in group 'lobby'")).to_be_visible()


def test_who_got_it_and_who_did_not(inspector: Inspector) -> None:
    first, second = inspector.connected(1), inspector.connected(2)
    inspector.call(1, "/api/toConnection", f'{{"id": "{first}"}}')

    step = inspector.opened("toConnection", "1 got it").locator('[data-step="9"]')
    step.locator("summary").first.click()
    step.get_by_text("connection did not get it").click()

    got = step.get_by_role("row", name=re.compile(f"connection {first} .*1 connection.*{first}"))
    expect(got).to_be_visible()
    missed = step.get_by_role("row", name=re.compile(f"{second}.*other connection"))
    expect(missed).to_be_visible()


def test_wrong_target(inspector: Inspector) -> None:
    inspector.connected(1)
    inspector.call(1, "/api/wrongTarget")
    expect(inspector.pane(1).get_by_role("list", name="What Client 1 got")).to_contain_text(
        "this client has no handler of that name"
    )

    detail = inspector.opened("wrongTarget", "nobody listens")

    expect(detail).to_contain_text("no page of this app listens for 'newMesage'")
    expect(detail).to_contain_text("did you mean 'newMessage'?")
    why = detail.get_by_role("list", name="Why")
    why.get_by_role("button", name="wrongTarget/index.js:2").click()
    expect(why).to_contain_text('target: "newMesage"')
    why.get_by_role("button", name="page.html:4").click()
    expect(why).to_contain_text('connection.on("newMessage"')


def test_user_not_signed_in(inspector: Inspector) -> None:
    inspector.pane(1).get_by_label("Signed in as").fill("")
    pane = inspector.connect(1)
    expect(pane.get_by_role("status").first).to_contain_text("negotiate answered 500")

    detail = inspector.opened("negotiate", "failed FJ0302")

    expect(detail).to_contain_text("Failed in step 4")
    expect(detail).to_contain_text("no header 'x-ms-client-principal-id'")
    expect(detail).to_contain_text("sign in first")
    detail.get_by_role("button", name="negotiate/function.json:").first.click()
    expect(detail.locator(".source .at").first).to_contain_text("userId")


def test_expired_token(inspector: Inspector) -> None:
    pane = inspector.connect(1, "hub chat, with an expired token")
    expect(pane.get_by_role("status").first).to_contain_text("401")
    pane.get_by_role("link", name="see this call").click()
    expect(inspector.page.locator("#detail")).to_contain_text("the token expired")

    detail = inspector.opened("Client refused", "401")

    expect(detail).to_contain_text("the token expired")
    expect(detail).to_contain_text("get a new one")


def test_output_name_without_a_binding(inspector: Inspector) -> None:
    inspector.call(1, "/api/wrongName")

    detail = inspector.opened("wrongName", "no such output")

    expect(detail.get_by_text("No output binding is called signalRMessage")).to_be_visible()
    expect(detail).to_contain_text("Did you mean signalRMessages?")
    detail.get_by_role("button", name="wrongName/index.js:2").first.click()
    expect(detail.get_by_role("list", name="Why")).to_contain_text(
        "context.bindings.signalRMessage ="
    )


def test_wrong_json_shape(inspector: Inspector) -> None:
    inspector.call(1, "/api/wrongShape")

    detail = inspector.opened("wrongShape", "failed FJ04")

    expect(detail).to_contain_text("Failed in step 7")
    expect(detail.locator('[data-step="7"] .problem')).to_contain_text("target")


def test_a_misspelt_member_of_a_message_that_goes_to_all(inspector: Inspector) -> None:
    inspector.connected(1)
    inspector.call(1, "/api/misspelt")

    detail = inspector.opened("misspelt", "look here")

    told = "'group' does nothing; did you mean 'groupName'?"
    expect(detail.get_by_role("list", name="Why")).to_contain_text(told)
    step = detail.locator('[data-step="7"]')
    expect(step).to_contain_text("look here")
    step.locator("summary").first.click()
    expect(step.locator(".hint", has_text=told)).to_be_visible()


def test_connection_closed_before_the_send(inspector: Inspector) -> None:
    connection_id = inspector.connected(1)
    pane = inspector.pane(1)
    pane.get_by_role("button", name="Disconnect").click()
    expect(pane.get_by_role("status").first).to_have_text("disconnected")
    expect(inspector.row("Client ended", "ended")).to_be_visible()
    inspector.call(1, "/api/toConnection", f'{{"id": "{connection_id}"}}')

    detail = inspector.opened("toConnection", "nobody got it")

    expect(detail.locator('[data-step="9"] .hint')).to_contain_text(
        re.compile(rf"connection '{connection_id}' ended \d+\.\d s before this send")
    )


def test_cors(inspector: Inspector) -> None:
    said = inspector.call(1, "/api/send", origin=ELSEWHERE)
    expect(said).to_contain_text("the browser keeps this answer")

    detail = inspector.opened("Kept from the page", "CORS")
    expect(detail).to_contain_text(f"a page of {ELSEWHERE} was refused")
    expect(detail).to_contain_text("local.settings.json")

    detail = inspector.opened("send", "got it")
    expect(detail).to_contain_text("the browser does not let the page read the answer")


def test_an_event_that_matches_no_function(inspector: Inspector) -> None:
    inspector.connected(1)
    form = inspector.pane(1).locator("form").filter(has_text="Call the hub")
    form.get_by_label("Target").fill("pnig")
    form.get_by_role("button", name="Invoke").click()
    expect(form.get_by_role("status")).to_contain_text("no function for")

    detail = inspector.opened("No function for it", "no match")

    expect(detail).to_contain_text("event 'pnig' is not 'ping'")
    detail.get_by_role("button", name="ping/function.json:").click()
    expect(detail).to_contain_text('"event": "ping"')


# --- what else the page is for --------------------------------------------------------------------


def test_two_people_and_a_message(inspector: Inspector) -> None:
    inspector.connected(1)
    inspector.connected(2)

    inspector.call(1, "/api/send")

    for number in (1, 2):
        heard = inspector.pane(number).get_by_role("list", name=f"What Client {number} got")
        expect(heard).to_contain_text("newMessage hello")
    detail = inspector.opened("send", "2 got it")
    expect(detail.locator(".steps > li")).to_have_count(9)
    detail.get_by_role("button", name="Open all steps").click()
    expect(detail).to_contain_text("2 connections")
    detail.locator('[data-step="9"]').get_by_text("Rules:").click()
    expect(detail).to_contain_text("differs here")
    inspector.view("Hubs")
    expect(inspector.page.get_by_role("article", name="hub chat")).to_contain_text("2 users")


def test_a_client_that_sends_waits_for_nothing(inspector: Inspector) -> None:
    inspector.connected(1)
    form = inspector.pane(1).locator("form").filter(has_text="Call the hub")
    form.get_by_label("Target").fill("ping")
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_role("status")).to_contain_text("does not wait for an answer")

    detail = inspector.opened("ping", "done")
    detail.locator('[data-step="8"] summary').first.click()
    expect(detail.locator('[data-step="8"]')).to_contain_text("Nobody waits")


@pytest.mark.parametrize("button", ["Invoke", "Send"])
def test_a_client_that_could_not_connect_calls_nothing(inspector: Inspector, button: str) -> None:
    pane = inspector.connect(1, "hub chat, with an expired token")
    expect(pane.get_by_role("status").first).to_contain_text("not connected")
    form = pane.locator("form").filter(has_text="Call the hub")
    form.get_by_label("Target").fill("ping")

    form.get_by_role("button", name=button).click()
    expect(form.get_by_role("status")).to_have_text("connect first")

    pane.get_by_label("Connect through").select_option(label="hub chat, without a function")
    pane.get_by_role("button", name="Connect", exact=True).click()
    expect(pane.get_by_role("status").first).to_contain_text("connected as")
    form.get_by_role("button", name="Invoke").click()
    expect(form.get_by_role("status")).to_contain_text("It returned")


def test_a_url_without_a_hub_is_told_as_any_other_failure(inspector: Inspector) -> None:
    given = {"url": f"{inspector.host.service}/client/", "accessToken": "x"}
    inspector.page.route("**/_/api/connect", lambda route: route.fulfill(json=given))

    pane = inspector.connect(1)

    expect(pane.get_by_role("status").first).to_contain_text("the service answered 4")


def test_send_as_the_service(inspector: Inspector) -> None:
    inspector.connected(2)
    inspector.view("Hubs")
    form = inspector.page.locator("#send")
    form.get_by_label("To", exact=True).select_option("user")
    form.get_by_label("Which").fill("bob")
    form.get_by_label("Arguments").fill('["from the service"]')
    form.get_by_role("button", name="Send").click()

    expect(form.get_by_role("status")).to_contain_text("1 connection got it.")
    heard = inspector.pane(2).get_by_role("list", name="What Client 2 got")
    expect(heard).to_contain_text("from the service")


def test_what_if(inspector: Inspector) -> None:
    inspector.pane(1).get_by_label("Signed in as").fill("")
    inspector.connect(1)
    detail = inspector.opened("negotiate", "failed FJ0302")
    before = inspector.page.locator("#activity li").count()

    detail.get_by_role("button", name="What if").click()
    form = detail.get_by_role("form", name="What if")
    form.get_by_label("As persona").fill("alice")
    form.get_by_role("button", name="Try").click()

    expect(form).to_contain_text("Steps 1 to 5 go well. The handler was not called.")
    expect(form.locator(".steps > li")).to_have_count(5)
    expect(form.get_by_role("row", name="info.userId")).to_contain_text("no value")
    expect(form.get_by_role("row", name="info.userId")).to_contain_text("alice")
    expect(form.locator('[data-step="4"]')).to_contain_text("alice")
    assert inspector.page.locator("#activity li").count() == before


def test_a_capsule_shows_the_steps_alone_and_is_replayed(
    inspector: Inspector, app: Path, tmp_path: Path
) -> None:
    inspector.call(1, "/api/wrongHub")
    detail = inspector.opened("wrongHub", "nobody got it")
    with inspector.page.expect_download() as downloads:
        detail.get_by_role("link", name="Save as one file").click()
    download: Download = downloads.value
    file = tmp_path / "capsule.html"
    download.save_as(file)

    alone = inspector.context.new_page()
    alone.goto(file.as_uri())
    expect(alone.locator(".steps > li")).to_have_count(9)
    expect(alone.get_by_role("main")).to_contain_text("lets clients into hub 'chta'")
    alone.close()
    inspector.outside.clear()
    code, out, _ = run_funcjson("replay", str(file), "--app", str(app))
    assert (code, "Nothing differs." in out) == (0, True), out
    changed = file.with_name("changed.html")
    text = file.read_text(encoding="utf-8")
    changed.write_text(text.replace('"hello"', '"goodbye"'), encoding="utf-8")
    code, out, _ = run_funcjson("replay", str(changed), "--app", str(app))
    assert code == 1
    assert "goodbye" in out


def test_what_a_client_called_is_replayed_and_tried_as_it_was(
    inspector: Inspector, app: Path, tmp_path: Path
) -> None:
    inspector.connected(1)
    form = inspector.pane(1).locator("form").filter(has_text="Call the hub")
    form.get_by_label("Target").fill("ping")
    form.get_by_role("button", name="Invoke", exact=True).click()
    expect(form).to_contain_text("pong")
    detail = inspector.opened("ping", "done")

    detail.get_by_role("button", name="What if").click()
    detail.get_by_role("button", name="Try", exact=True).click()
    expect(detail).to_contain_text("Nothing changes in steps 2 to 5.")
    with inspector.page.expect_download() as downloads:
        detail.get_by_role("link", name="Save as one file").click()
    file = tmp_path / "ping.html"
    downloads.value.save_as(file)

    code, out, _ = run_funcjson("replay", str(file), "--app", str(app))

    assert (code, "Nothing differs." in out) == (0, True), out


def test_functions_are_drawn(inspector: Inspector) -> None:
    inspector.view("Functions")
    card = inspector.page.get_by_role("article", name="negotiate", exact=True)

    expect(card.get_by_role("list", name="comes in")).to_contain_text("signalRConnectionInfo")
    expect(card.get_by_role("list", name="comes in")).to_contain_text("hub chat")
    expect(card.get_by_role("list", name="goes out")).to_contain_text("http")


def test_switching_the_persona_of_this_browser(inspector: Inspector) -> None:
    inspector.page.get_by_label("This browser is").fill("alice")
    inspector.page.get_by_role("button", name="Switch").click()
    expect(inspector.page.locator("#said")).to_contain_text("signed in as alice")

    inspector.page.reload()

    expect(inspector.page.get_by_label("This browser is")).to_have_value("alice")


def test_keys_alone_lead_to_the_answer(inspector: Inspector) -> None:
    inspector.call(1, "/api/wrongHub")
    inspector.row("wrongHub", "nobody got it").focus()
    inspector.page.keyboard.press("Enter")
    detail = inspector.page.locator("#detail")
    expect(detail.get_by_role("heading", level=2)).to_have_text("wrongHub")
    summary = detail.locator('[data-step="1"] summary').first
    summary.focus()
    inspector.page.keyboard.press("Enter")

    expect(detail.locator('[data-step="1"] > details')).to_have_attribute("open", "")


def test_skipping_to_the_content_stays_in_the_view(inspector: Inspector) -> None:
    inspector.view("Hubs")
    inspector.page.reload()
    expect(inspector.page.locator("#view-hubs")).to_be_visible()
    inspector.page.keyboard.press("Tab")
    inspector.page.keyboard.press("Enter")

    expect(inspector.page.locator("main")).to_be_focused()
    expect(inspector.page.locator("#view-hubs")).to_be_visible()
    assert inspector.page.url.endswith("#/hubs")


def test_the_list_is_one_stop_for_the_tab_key(inspector: Inspector) -> None:
    for _ in range(2):
        inspector.call(1, "/api/wrongHub")
    newest = inspector.settled_row("wrongHub", "nobody got it")
    newest.focus()
    inspector.page.keyboard.press("ArrowDown")
    expect(newest).not_to_be_focused()
    expect(inspector.page.locator("#activity a").nth(1)).to_be_focused()
    inspector.page.keyboard.press("ArrowUp")
    inspector.page.keyboard.press("Enter")
    detail = inspector.page.locator("#detail")
    expect(detail.get_by_role("heading", level=2)).to_have_text("wrongHub")
    inspector.page.keyboard.press("Tab")

    expect(detail.locator(":focus")).to_have_count(1)


def test_going_back_on_a_narrow_page_returns_to_the_line(inspector: Inspector) -> None:
    inspector.page.set_viewport_size({"width": 390, "height": 800})
    inspector.call(1, "/api/wrongHub")
    row = inspector.settled_row("wrongHub", "nobody got it")
    row.focus()
    inspector.page.keyboard.press("Enter")
    back = inspector.page.get_by_role("link", name="Back to the list")
    back.focus()
    inspector.page.keyboard.press("Enter")

    expect(row).to_be_focused()


def test_what_is_read_stays_in_its_place_when_lines_come_in(inspector: Inspector) -> None:
    inspector.page.set_viewport_size({"width": 1280, "height": 400})
    for _ in range(6):
        inspector.call(1, "/api/wrongHub")
    inspector.settled_row("wrongHub", "nobody got it")
    rows = inspector.page.locator("#activity a")
    inspector.page.locator("#activity").evaluate("box => { box.scrollTop = 150; }")
    seen = "box => [...box.querySelectorAll('a')].map(a => [a.dataset.key, a.getBoundingClientRect().top])"
    before = dict(inspector.page.locator("#activity").evaluate(seen))
    count = rows.count()
    assert request("POST", f"{inspector.host.host}/api/wrongGroup").status == 202
    expect(rows).to_have_count(count + 1)

    after = dict(inspector.page.locator("#activity").evaluate(seen))
    moved = {round(after[key] - top) for key, top in before.items()}
    assert moved == {0}


def test_a_call_that_failed_leads_to_its_steps(inspector: Inspector) -> None:
    said = inspector.call(1, "/api/wrongShape")
    said.get_by_role("link", name="see this call").click()

    detail = inspector.page.locator("#detail")
    expect(detail.get_by_role("heading", level=2)).to_have_text("wrongShape")
    expect(detail).to_contain_text("Failed in step 7")


def test_an_address_that_somebody_typed_leads_somewhere(inspector: Inspector) -> None:
    inspector.page.goto(f"{inspector.host.host}/_/#/activity/%")

    expect(inspector.page.locator("#detail")).to_contain_text("no longer kept")
    assert inspector.errors == []


def test_a_host_that_was_started_anew_is_used_without_a_reload(
    browser: Browser, tmp_path: Path
) -> None:
    app = write_app(tmp_path)
    first = start_host(app, tmp_path)
    port = first.host.rpartition(":")[2]
    inspector = Inspector(browser, first)
    inspector.view("Hubs")
    assert first.stop() == 0
    expect(inspector.page.locator("#lost")).to_be_visible()
    second = start_host(app, tmp_path, "--port", port)
    try:
        expect(inspector.page.locator("#lost")).to_be_hidden()
        send = inspector.page.locator("#send")
        send.get_by_role("button", name="Send").click()

        expect(send.get_by_role("status")).to_contain_text("Nobody got it")
    finally:
        second.kill()
        inspector.context.close()


def test_remembered_users_are_shown(inspector: Inspector) -> None:
    inspector.view("Hubs")
    form = inspector.page.locator("#group")
    form.get_by_label("User").fill("dora")
    form.get_by_label("Group").fill("readers")
    form.get_by_role("button", name="Do it").click()
    expect(form.get_by_role("status")).to_contain_text("200")

    remembered = inspector.page.get_by_role("region", name="Remembered users of chat")
    expect(remembered).to_contain_text("dora")
    expect(remembered).to_contain_text("readers")


def test_the_page_is_found_without_its_slash(host: RunningHost) -> None:
    assert request("GET", f"{host.host}/_").headers["location"] == "/_/"


@pytest.mark.parametrize("width", [1440, 1024, 720, 390])
def test_nothing_is_wider_than_the_window(inspector: Inspector, width: int) -> None:
    inspector.pane(1).get_by_label("Signed in as").fill("")
    inspector.connect(1)
    inspector.opened("negotiate", "failed FJ0302")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    inspector.page.set_viewport_size({"width": width, "height": 800})
    inspector.page.get_by_role("button", name="Open all steps").click()
    inspector.page.locator("#detail").evaluate(
        "node => node.querySelectorAll('details').forEach(one => { one.open = true; })"
    )
    expect(inspector.page.locator("#detail .rules li").first).to_be_visible()
    assert inspector.page.evaluate(wide) <= 0, "a failed call with its rules"
    inspector.page.set_viewport_size({"width": 1280, "height": 800})
    inspector.call(1, "/api/wrongHub")
    inspector.opened("wrongHub", "nobody got it")
    inspector.page.set_viewport_size({"width": width, "height": 800})
    inspector.page.get_by_role("button", name="Open all steps").click()

    for view in ("activity", "functions", "hubs", "clients"):
        inspector.page.evaluate(
            "view => { if (view !== 'activity') location.hash = '#/' + view; }", view
        )
        expect(inspector.page.locator(f"#view-{view}")).to_be_visible()
        assert inspector.page.evaluate(wide) <= 0, view


def test_the_pictures_of_the_tour_can_be_made_anew(browser: Browser, tmp_path: Path) -> None:
    made = make(browser, tmp_path)

    assert [file.name for file in made] == [
        "clients.png",
        "nobody-got-it.png",
        "nine-steps.png",
        "functions.png",
        "hubs.png",
    ]
    assert sum(file.stat().st_size for file in made) < 300_000
    assert {file.name for file in TOUR.iterdir()} == {WORDS, *(file.name for file in made)}
    told = "the page has changed: make the pictures anew with python -m tests.e2e.make_screenshots"
    assert json.loads((tmp_path / WORDS).read_text()) == json.loads((TOUR / WORDS).read_text()), (
        told
    )


# --- who may ask ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Host": "evil.example"}, "open the inspector as localhost"),
        ({"Origin": "http://localhost:3000"}, "pages of other origins"),
        ({"Sec-Fetch-Site": "cross-site"}, "pages of other origins"),
        ({"X-Forwarded-For": "192.0.2.1"}, "through a proxy"),
    ],
)
def test_others_are_kept_out(host: RunningHost, headers: dict[str, str], why: str) -> None:
    answer = request("GET", f"{host.host}/_/api/activity", headers=headers)

    assert answer.status == 403
    assert why in answer.json()["error"]
    assert "access-control-allow-origin" not in answer.headers


def test_actions_need_the_token_of_this_run(host: RunningHost) -> None:
    body = {"hub": "chat", "target": "x"}
    for headers in ({}, {"x-funcjson-inspector": "guessed"}):
        assert request("POST", f"{host.host}/_/api/send", body, headers).status == 403


@pytest.mark.parametrize(
    "file", ["../outside.py", "/etc/passwd", "local.settings.json", ".funcjson/keys.json"]
)
def test_only_sources_of_the_app_are_shown(host: RunningHost, file: str) -> None:
    answer = request("GET", f"{host.host}/_/api/source?file={file}&line=1")

    assert answer.status == 400
