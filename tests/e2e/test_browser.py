"""The chat page in a real browser: people sign in, talk to all, to one, to a group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.e2e.conftest import copy_sample, need, run_and_check
from tests.e2e.processes import RunningHost, start_host

# Debian's browser, without a sandbox (tests may run as root) and without calls to the outside.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


class Person:
    """Somebody at the chat page, in a browser window that shares nothing with the others."""

    def __init__(self, browser: Browser, host: RunningHost) -> None:
        self.context: BrowserContext = browser.new_context()
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.outside: list[str] = []
        self.page.on("request", self._note_request)
        self._host = host
        self.page.goto(f"{host.host}/api/index")

    def _note_request(self, request: object) -> None:
        url = getattr(request, "url", "")
        if not url.startswith((self._host.host, self._host.service, "data:")):
            self.outside.append(url)

    def sign_in(self, name: str) -> Person:
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Sign in").click()
        self.expect_state("Connected")
        return self

    def expect_state(self, text: str) -> None:
        expect(self.page.get_by_role("status").first).to_have_text(text, timeout=15_000)

    def say(self, text: str, to: str = "Everyone", whom: str = "") -> None:
        self.page.get_by_label("To", exact=True).select_option(to)
        if whom:
            self.page.get_by_label(re.compile("Person's name|Name of the group")).fill(whom)
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.get_by_role("button", name="Send").click()
        expect(self.page.get_by_text(f"Sent to {self._receiver(to, whom)}.")).to_be_visible()

    @staticmethod
    def _receiver(to: str, whom: str) -> str:
        return {"Everyone": "everyone", "One person": whom, "A group": f"group {whom}"}[to]

    def group(self, button: str, name: str) -> None:
        self.page.get_by_label("Group name").fill(name)
        self.page.get_by_role("button", name=button).click()
        said = "joined" if button == "Join" else "left"
        expect(self.page.get_by_text(f"You {said} {name}.")).to_be_visible()

    def expect_messages(self, *messages: str) -> None:
        """The list shows exactly these, each as `sender to receiver: text`."""
        items = self.page.get_by_role("log").get_by_role("listitem")
        whole = [re.compile(f"^{re.escape(text.replace(': ', '', 1))}$") for text in messages]
        expect(items).to_have_text(whole, timeout=15_000)

    def problem(self) -> str:
        alert = self.page.get_by_role("alert")
        expect(alert).to_be_visible(timeout=15_000)
        return alert.inner_text()

    def leave(self) -> None:
        self.context.close()
        assert self.errors == []
        assert self.outside == [], "the page asked for something from outside"


@pytest.fixture
def people(browser: Browser, sample: RunningHost) -> Iterator[tuple[Person, Person]]:
    """Two people in two windows, not yet signed in."""
    both = (Person(browser, sample), Person(browser, sample))
    yield both
    for person in both:
        person.leave()


def test_two_people_chat_with_all_with_one_and_in_a_group(people: tuple[Person, Person]) -> None:
    ann, bob = people[0].sign_in("ann"), people[1].sign_in("bob")

    ann.say("good morning")
    bob.say("hello Ann", to="One person", whom="ann")
    bob.group("Join", "readers")
    ann.say("meeting at noon", to="A group", whom="readers")
    bob.group("Leave", "readers")
    ann.say("too late", to="A group", whom="readers")
    bob.say("bye")

    ann.expect_messages(
        "You to everyone: good morning", "bob to you: hello Ann", "bob to everyone: bye"
    )
    bob.expect_messages(
        "ann to everyone: good morning",
        "ann to group readers: meeting at noon",
        "You to everyone: bye",
    )


def test_the_page_remembers_who_is_signed_in_until_they_sign_out(
    people: tuple[Person, Person],
) -> None:
    person = people[0].sign_in("Zoë Q")

    person.page.reload()
    person.expect_state("Connected")
    expect(person.page.get_by_text("Signed in as Zoë Q")).to_be_visible()
    person.page.get_by_role("button", name="Sign out").click()

    person.expect_state("Not signed in")
    expect(person.page.get_by_label("Your name")).to_be_focused()


def test_a_group_member_stays_a_member_after_a_reload(people: tuple[Person, Person]) -> None:
    ann, bob = people[0].sign_in("ann"), people[1].sign_in("bob")
    bob.group("Join", "walkers")

    bob.page.reload()
    bob.expect_state("Connected")
    ann.say("still there?", to="A group", whom="walkers")

    bob.expect_messages("ann to group walkers: still there?")
    bob.group("Leave", "walkers")


def test_the_page_works_with_the_keyboard_alone(people: tuple[Person, Person]) -> None:
    person = people[0]
    keyboard = person.page.keyboard

    keyboard.type("ann")  # the name field has the focus already
    keyboard.press("Enter")
    person.expect_state("Connected")
    expect(person.page.get_by_label("Message", exact=True)).to_be_focused()
    keyboard.type("no mouse")
    keyboard.press("Enter")

    person.expect_messages("You to everyone: no mouse")


def test_text_of_other_people_is_shown_as_text_only(people: tuple[Person, Person]) -> None:
    person = people[0].sign_in("ann")

    person.say("<img src=x onerror=alert(1)>")

    person.expect_messages("You to everyone: <img src=x onerror=alert(1)>")


def test_an_anonymous_visitor_is_told_why_negotiate_fails(people: tuple[Person, Person]) -> None:
    person = people[0]
    expect(person.page.get_by_label("Your name")).to_be_visible()

    person.page.evaluate("connect().catch(showProblem)")

    assert "negotiate answered 500" in person.problem()
    person.expect_state("Not connected")


def test_a_missing_client_package_is_named_with_its_remedy(
    browser: Browser, tmp_path: Path, npm_packages: Path
) -> None:
    app = copy_sample("chat-python", tmp_path, npm_packages)
    (app / "node_modules").unlink()
    for host in run_and_check(start_host(app, tmp_path)):
        person = Person(browser, host)
        person.page.get_by_label("Your name").fill("ann")
        person.page.get_by_role("button", name="Sign in").click()

        assert "@microsoft/signalr is not installed" in person.problem()
        assert "--install" in person.problem()
        person.leave()


def test_the_page_says_when_the_host_is_gone(
    browser: Browser, tmp_path: Path, npm_packages: Path
) -> None:
    host = start_host(copy_sample("chat-python", tmp_path, npm_packages), tmp_path)
    try:
        person = Person(browser, host).sign_in("ann")
        assert host.stop() == 0
        person.page.get_by_label("Message", exact=True).fill("anybody?")
        person.page.get_by_role("button", name="Send").click()

        assert "No answer from" in person.problem()
        person.context.close()
    finally:
        host.kill()
