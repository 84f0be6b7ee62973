"""The login twin, request by request."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlencode

import pytest

from funcjson.identity import SESSION_S, Persona
from funcjson.login import LoginTwin
from funcjson.model import HttpRequest, HttpResponse

ALICE = Persona("a-1", "alice", "github", ("admin",))
FORM = ("Content-Type", "application/x-www-form-urlencoded")
JSON = ("Content-Type", "application/json")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def twin(**options: object) -> LoginTwin:
    return LoginTwin({"alice": ALICE}, b"k" * 32, Clock(), **options)  # type: ignore[arg-type]


def ask(
    login: LoginTwin,
    method: str,
    path: str,
    *headers: tuple[str, str],
    body: bytes = b"",
) -> HttpResponse:
    url = f"http://localhost:7071{path}"
    answer = login.answer(HttpRequest(method, url, headers, path.partition("?")[2], {}, body))
    assert answer is not None
    return answer


def header(answer: HttpResponse, name: str) -> str:
    return next((text for key, text in answer.headers if key == name), "")


def cookie(answer: HttpResponse) -> str:
    return header(answer, "Set-Cookie").partition(";")[0]


def test_one_request_signs_a_known_persona_in() -> None:
    login = twin()

    answer = ask(login, "GET", "/.auth/login/aad?persona=alice")

    assert (answer.status, header(answer, "Location")) == (302, "/.auth/login/done")
    assert login.who(cookie(answer)) == ALICE
    assert dict(login.headers(cookie(answer)))["X-MS-CLIENT-PRINCIPAL-ID"] == "a-1"


def test_a_name_that_nobody_has_is_invented_for_the_provider() -> None:
    login = twin()

    answer = ask(login, "GET", "/.auth/login/google?persona=zoe")

    assert login.who(cookie(answer)) == Persona("zoe", "zoe", "google")


def test_a_persona_of_the_file_without_a_provider_gets_that_of_the_url() -> None:
    login = LoginTwin({"bob": Persona("bob", "bob", "")}, b"k" * 32, Clock())
    answer = ask(login, "GET", "/.auth/login/github?persona=bob")

    assert dict(login.headers(cookie(answer)))["X-MS-CLIENT-PRINCIPAL-IDP"] == "github"
    assert (
        json.loads(ask(login, "GET", "/.auth/me", ("Cookie", cookie(answer))).body)[0][
            "provider_name"
        ]
        == "github"
    )


BIG = Persona("b", "big", "aad", (), tuple(("groups", f"{n:036}") for n in range(200)))


def test_a_persona_of_the_file_may_have_any_number_of_claims() -> None:
    login = LoginTwin({"big": BIG}, b"k" * 32, Clock())
    answer = ask(login, "GET", "/.auth/login/aad?persona=big")

    assert len(header(answer, "Set-Cookie")) < 4096
    assert login.who(cookie(answer)) == BIG


def test_an_invented_persona_that_no_browser_would_keep_is_refused_with_the_way_out() -> None:
    claims = json.dumps({"groups": [text for _, text in BIG.claims]})
    form = urlencode({"userDetails": "Bob", "claims": claims}).encode()
    answer = ask(twin(), "POST", "/.auth/login/aad", FORM, body=form)

    assert (answer.status, header(answer, "Set-Cookie")) == (400, "")
    assert b"personas.json" in answer.body


def test_a_change_of_the_file_counts_for_who_is_signed_in() -> None:
    value = cookie(ask(twin(), "GET", "/.auth/login/aad?persona=alice"))
    changed = Persona("a-1", "alice", "github", ("reader",))

    assert LoginTwin({"alice": changed}, b"k" * 32, Clock()).who(value) == changed
    assert LoginTwin({"bob": ALICE}, b"k" * 32, Clock()).who(value) is None
    assert LoginTwin({}, b"k" * 32, Clock()).who(value) is None


def test_a_name_that_was_made_up_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    login = twin()
    answer = ask(login, "GET", "/.auth/login/aad?persona=alise")

    assert login.who(cookie(answer)) == Persona("alise", "alise")
    assert "'alise' was made up" in caplog.text
    assert "which are: alice" in caplog.text


def test_a_refused_cookie_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "funcjson.host")
    other = LoginTwin({}, b"x" * 32, Clock())
    value = cookie(ask(other, "GET", "/.auth/login/aad?persona=zoe"))
    login = twin()

    assert [login.who(value), login.headers(value)] == [None, ()]
    assert caplog.text.count("login cookie was refused") == 1


def test_each_login_is_told_to_who_keeps_the_key() -> None:
    called: list[int] = []
    login = twin(signs_in=lambda: called.append(1))
    ask(login, "GET", "/.auth/login/aad")
    ask(login, "GET", "/.auth/login/aad?persona=alice&post_login_redirect_uri=//x")
    assert called == []

    ask(login, "GET", "/.auth/login/aad?persona=alice")
    assert called == [1]


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "a\x00"])
def test_a_name_of_two_lines_signs_nobody_in(name: str) -> None:
    for query in ({"persona": name}, {"persona": "", "userDetails": name}):
        form = urlencode(query).encode()
        answer = ask(twin(), "POST", "/.auth/login/aad", FORM, body=form)

        assert (answer.status, header(answer, "Set-Cookie")) == (400, "")


def test_a_location_has_only_what_a_header_may_have() -> None:
    target = "/\u00e9 x?a=%20&b=1#c"
    query = urlencode({"persona": "alice", "post_login_redirect_uri": target})
    back = header(ask(twin(), "GET", f"/.auth/login/aad?{query}"), "Location")

    assert back == "/%C3%A9%20x?a=%20&b=1#c"
    query = urlencode({"post_logout_redirect_uri": target})
    assert header(ask(twin(), "GET", f"/.auth/logout?{query}"), "Location") == back


def test_a_form_invents_a_persona() -> None:
    login = twin()
    form = urlencode({"userDetails": "Bob", "userId": "b", "userRoles": "x,y", "claims": ""})

    answer = ask(login, "POST", "/.auth/login/local", FORM, body=form.encode())

    assert login.who(cookie(answer)) == Persona("b", "Bob", "local", ("x", "y"))


def test_a_form_that_is_not_taken_keeps_what_was_typed_and_says_why() -> None:
    form = urlencode(
        {
            "userDetails": "Bob <b>",
            "userId": "b-1",
            "userRoles": "x,y",
            "claims": "\n{bad",
            "post_login_redirect_uri": "/api/x",
        }
    )
    browser = ("Accept", "text/html,*/*;q=0.8")
    answer = ask(twin(), "POST", "/.auth/login/local", FORM, browser, body=form.encode())
    text = answer.body.decode()

    assert (answer.status, header(answer, "Set-Cookie")) == (400, "")
    assert header(answer, "Content-Type").startswith("text/html")
    assert '<p role="alert">Not signed in: claims must be JSON' in text
    for value in ("Bob &lt;b&gt;", "b-1", "x,y", "/api/x"):
        assert f'value="{value}"' in text
    # A browser drops the first line break in a text area.
    assert ">\n\n{bad</textarea>" in text


def test_json_signs_in_and_gets_json() -> None:
    login = twin()

    answer = ask(login, "POST", "/.auth/login/aad", JSON, body=b'{"persona": "alice"}')

    assert answer.status == 200
    assert json.loads(answer.body)[0]["user_id"] == "alice"
    assert login.who(cookie(answer)) == ALICE


@pytest.mark.parametrize("body", [b'"alice"', b'{"persona": {"id": "a-1", "name": "alice"}}'])
def test_other_shapes_of_json(body: bytes) -> None:
    login = twin()

    who = login.who(cookie(ask(login, "POST", "/.auth/login/github", JSON, body=body)))

    assert who is not None
    assert (who.id, who.provider) == ("a-1", "github")


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_body_that_says_nobody_is_refused_with_the_reason(body: bytes) -> None:
    answer = ask(twin(), "POST", "/.auth/login/aad", JSON, body=body)

    assert answer.status == 400
    assert answer.body.startswith(b"not signed in: ")


def test_the_page_lists_the_personas() -> None:
    answer = ask(twin(), "GET", "/.auth/login/github?post_login_redirect_uri=/api/x")

    assert answer.status == 200
    assert b'value="alice"' in answer.body
    assert b'value="/api/x"' in answer.body


@pytest.mark.parametrize("target", ["/", "/api/page?x=1#y", "http://localhost:3000/page"])
def test_a_login_leads_back(target: str) -> None:
    login = twin(trusts_origin=lambda origin: origin == "http://localhost:3000")
    query = urlencode({"persona": "alice", "post_login_redirect_uri": target})

    assert header(ask(login, "GET", f"/.auth/login/aad?{query}"), "Location") == target


@pytest.mark.parametrize("end", ["uri", "url"])
def test_both_spellings_of_where_to_go_afterwards_count(end: str) -> None:
    login = twin()
    signed_in = ask(login, "GET", f"/.auth/login/aad?persona=alice&post_login_redirect_{end}=/a")
    signed_out = ask(login, "GET", f"/.auth/logout?post_logout_redirect_{end}=/b")
    page = ask(login, "GET", f"/.auth/login/aad?post_login_redirect_{end}=/c")

    assert header(signed_in, "Location") == "/a"
    assert header(signed_out, "Location") == "/b"
    assert b'value="/c"' in page.body


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.test", "/\\evil.test", "http://evil.test", "http://[evil", "x"),
        *("javascript:alert(1)", "/a\r\nX: y"),
    ],
)
def test_a_login_leads_nowhere_else(target: str) -> None:
    query = urlencode({"persona": "alice", "post_login_redirect_uri": target})

    answer = ask(twin(), "GET", f"/.auth/login/aad?{query}")

    assert answer.status == 400
    assert not cookie(answer)


@pytest.mark.parametrize(
    ("name", "host", "target"),
    [
        ("Host", "192.0.2.2:7071", "http://192.0.2.2:7071/app?x=1"),
        ("host", "DevBox.local:7071", "http://devbox.local:7071/app"),
        ("X-Forwarded-Host", "x-7071.app.github.dev", "https://x-7071.app.github.dev/app"),
    ],
)
def test_the_pages_own_address_leads_back(name: str, host: str, target: str) -> None:
    query = urlencode({"persona": "alice", "post_login_redirect_uri": target})
    back = ask(twin(), "GET", f"/.auth/login/aad?{query}", (name, host))
    query = urlencode({"post_logout_redirect_uri": target})
    out = ask(twin(), "GET", f"/.auth/logout?{query}", (name, host))

    for answer in (back, out):
        assert (answer.status, header(answer, "Location")) == (302, target)


@pytest.mark.parametrize(
    "target",
    [
        "http://devbox.local:7072/",
        "http://devbox.local:7071@evil.test/",
        "http://devbox.local:7071.evil.test/",
        "ftp://devbox.local:7071/",
    ],
)
def test_what_only_looks_like_the_pages_own_address_does_not(target: str) -> None:
    query = urlencode({"persona": "alice", "post_login_redirect_uri": target})

    assert (
        ask(twin(), "GET", f"/.auth/login/aad?{query}", ("Host", "devbox.local:7071")).status == 400
    )


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 200), ("same-site", 302), ("same-origin", 302), ("none", 302)],
)
def test_a_link_of_another_site_leads_to_the_page_and_signs_nobody_in(
    site: str, status: int
) -> None:
    path = "/.auth/login/aad?persona=zoe&post_login_redirect_uri=/app"
    answer = ask(twin(), "GET", path, ("Sec-Fetch-Site", site))

    assert answer.status == status
    assert bool(cookie(answer)) == (status == 302)
    if status == 200:
        text = answer.body.decode()
        assert "another site asked" in text
        assert 'name="userDetails" value="zoe"' in text
        assert 'value="/app"' in text


def test_a_link_of_a_page_that_may_call_signs_in_wherever_it_is() -> None:
    login = twin(trusts_origin=lambda origin: origin == "http://127.0.0.1:5500")
    path, cross = "/.auth/login/aad?persona=zoe", ("Sec-Fetch-Site", "cross-site")

    assert cookie(ask(login, "GET", path, cross, ("Referer", "http://127.0.0.1:5500/app")))
    assert not cookie(ask(login, "GET", path, cross, ("Referer", "http://evil.test/")))
    assert not cookie(ask(login, "GET", path, cross, ("Referer", "http://[evil")))


@pytest.mark.parametrize("path", ["/.auth/login", "/.auth/login/", "/.auth/login/?persona=zoe"])
def test_an_address_without_a_provider_signs_nobody_in_and_says_which_to_use(path: str) -> None:
    answer = ask(twin(), "GET", path)

    assert (answer.status, cookie(answer)) == (404, "")
    assert b"/.auth/login/aad" in answer.body


def test_no_page_can_hold_the_login_page_in_a_frame() -> None:
    browser = ("Accept", "text/html")
    bad = urlencode({"userDetails": "", "claims": "{"}).encode()
    shown = ask(twin(), "GET", "/.auth/login/aad")
    again = ask(twin(), "POST", "/.auth/login/aad", FORM, browser, body=bad)

    for answer in (shown, again):
        assert header(answer, "X-Frame-Options") == "DENY"
        assert header(answer, "Content-Security-Policy") == "frame-ancestors 'none'"


def test_the_cookie_may_stand_in_a_second_header() -> None:
    login = twin()
    sent = cookie(ask(login, "GET", "/.auth/login/aad?persona=alice"))
    pairs = (("Cookie", "a=b"), ("cookie", sent))

    assert json.loads(ask(login, "GET", "/.auth/me", *pairs).body)[0]["user_id"] == "alice"
    assert ask(login, "GET", "/.auth/refresh", *pairs).status == 200


def test_me_in_both_shapes() -> None:
    login = twin()
    signed_in = ("Cookie", cookie(ask(login, "GET", "/.auth/login/aad?persona=alice")))

    assert json.loads(ask(login, "GET", "/.auth/me", signed_in).body)[0]["user_id"] == "alice"
    swa = json.loads(ask(login, "GET", "/.auth/me?shape=swa", signed_in).body)
    assert swa["clientPrincipal"]["userRoles"] == ["anonymous", "authenticated", "admin"]


def test_me_of_nobody() -> None:
    assert ask(twin(), "GET", "/.auth/me").status == 401
    swa = ask(twin(shape="static-web-apps"), "GET", "/.auth/me")
    assert json.loads(swa.body) == {"clientPrincipal": None}


def test_logout_takes_the_cookie_back() -> None:
    answer = ask(twin(), "POST", "/.auth/logout")

    assert header(answer, "Location") == "/.auth/logout/complete"
    assert "Max-Age=0" in header(answer, "Set-Cookie")
    assert ask(twin(), "GET", "/.auth/logout/complete").status == 200


def test_logout_leads_to_local_pages_only() -> None:
    there = ask(twin(), "GET", "/.auth/logout?post_logout_redirect_uri=/bye")

    assert header(there, "Location") == "/bye"
    refused = ask(twin(), "GET", "/.auth/logout?post_logout_redirect_uri=//x")
    assert refused.status == 400
    assert refused.body.startswith(b"not signed out: ")


def test_who_is_signed_in_after_all_is_told_after_a_logout() -> None:
    assert b"alice" in ask(twin(default="alice"), "GET", "/.auth/logout/complete").body
    assert b"--as" not in ask(twin(), "GET", "/.auth/logout/complete").body


def test_a_default_persona_signs_everybody_in() -> None:
    login = twin(default="Alice")

    assert login.who("") == ALICE
    assert dict(login.headers(""))["X-MS-CLIENT-PRINCIPAL-NAME"] == "alice"


def test_a_cookie_beats_the_default() -> None:
    login = twin(default="zoe")
    answer = ask(login, "GET", "/.auth/login/aad?persona=alice")

    assert login.who(cookie(answer)) == ALICE


def test_a_session_ends() -> None:
    clock = Clock()
    login = LoginTwin({}, b"k" * 32, clock)
    value = cookie(ask(login, "GET", "/.auth/login/aad?persona=zoe"))
    assert login.who(value)

    clock.now += SESSION_S + 61

    assert login.who(value) is None


def test_a_cookie_of_another_run_is_nobody() -> None:
    other = LoginTwin({}, b"x" * 32, Clock())
    value = cookie(ask(other, "GET", "/.auth/login/aad?persona=zoe"))

    assert twin().who(value) is None
    assert twin().headers(value) == ()


def test_the_memory_of_sessions_is_bounded() -> None:
    login = twin()
    for number in range(1100):
        login.who(cookie(ask(login, "GET", f"/.auth/login/aad?persona=p{number}")))

    assert len(login._sessions) <= 1000


def test_refresh_wants_a_session() -> None:
    assert ask(twin(), "GET", "/.auth/refresh").status == 401
    assert ask(twin(default="zoe"), "GET", "/.auth/refresh").status == 200


@pytest.mark.parametrize("path", ["/.auth", "/.auth/x", "/.auth/me/x", "/.auth/login/a/b"])
def test_the_twin_knows_its_own_urls_only(path: str) -> None:
    assert twin().answer(HttpRequest("GET", f"http://h{path}")) is None


def test_other_verbs_do_not_sign_in() -> None:
    assert ask(twin(), "PUT", "/.auth/login/aad").status == 405


def test_after_a_login_the_page_says_who() -> None:
    assert b"zoe" in ask(twin(default="zoe"), "GET", "/.auth/login/done").body
