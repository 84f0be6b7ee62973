"""Apps and functions from templates: what is written, what is kept, and what is refused."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from funcjson import cli
from funcjson.check import validate_app
from funcjson.errors import AppLoadError, Problem, Severity
from funcjson.scaffold import KINDS, LANGUAGES, TEMPLATES, init_app, new_function

every_model = pytest.mark.parametrize("model", list(KINDS))
every_template = pytest.mark.parametrize("template", TEMPLATES)


def texts(root: Path) -> dict[str, str]:
    return {
        file.relative_to(root).as_posix(): file.read_text("utf-8")
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def refused(root: Path, name: str, model: str | None = None) -> Problem:
    before = texts(root)
    with pytest.raises(AppLoadError) as caught:
        new_function(root, name, "http", model, {})
    assert texts(root) == before
    return caught.value.problems[0]


@every_model
def test_a_new_app_is_sound_and_has_one_function(tmp_path: Path, model: str) -> None:
    made = init_app(tmp_path / "app", model=model)

    assert made.kept == ()
    assert sorted(made.created) == sorted(texts(tmp_path / "app"))
    found = validate_app(tmp_path / "app", {})
    assert [p for p in found if p.severity is not Severity.NOTE] == []
    assert "hello" in "".join((*made.created, *texts(tmp_path / "app").values()))


@pytest.mark.parametrize(
    ("model", "runtime"), [("v1", "python"), ("v2", "python"), ("v3", "node"), ("v4", "node")]
)
def test_the_settings_of_a_new_app_name_its_language(
    tmp_path: Path, model: str, runtime: str
) -> None:
    init_app(tmp_path, model=model)

    values = json.loads((tmp_path / "local.settings.json").read_text("utf-8"))["Values"]
    assert values["FUNCTIONS_WORKER_RUNTIME"] == runtime
    assert sorted(values) == [
        "AzureSignalRConnectionString",
        "AzureWebJobsStorage",
        "FUNCTIONS_WORKER_RUNTIME",
    ]


@every_model
@every_template
def test_every_template_gives_a_sound_function(tmp_path: Path, model: str, template: str) -> None:
    init_app(tmp_path, model=model)
    new_function(tmp_path, "My-fn_1", template, None, {})

    found = validate_app(tmp_path, {})
    assert [p for p in found if p.severity is not Severity.NOTE] == []
    whole = "".join(texts(tmp_path).values())
    for word in ("FUNCTION_NAME", "FUNCTION_IDENTIFIER", "HTTP_OUTPUT", "APP_LANGUAGE"):
        assert word not in whole
    for name, text in texts(tmp_path).items():
        if name.endswith(".py"):
            ast.parse(text)
        if name.endswith(".json"):
            json.loads(text)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("language", "model", "made"),
    [
        (None, None, "v1"),
        ("python", None, "v1"),
        ("javascript", None, "v3"),
        (None, "v4", "v4"),
        ("python", "v2", "v2"),
    ],
)
def test_a_model_follows_from_the_language_and_the_other_way_round(
    tmp_path: Path, language: str | None, model: str | None, made: str
) -> None:
    assert init_app(tmp_path, language, model).model == made


def test_a_model_of_another_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError) as caught:
        init_app(tmp_path / "app", "python", "v4")

    assert caught.value.problems[0].code == "FJ0171"
    assert not (tmp_path / "app").exists()


def test_what_is_there_is_kept_and_gets_no_function(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"} // mine\n')

    made = init_app(tmp_path)

    assert made.kept == ("host.json",)
    assert "mine" in (tmp_path / "host.json").read_text()
    assert not (tmp_path / "hello").exists()
    assert init_app(tmp_path).created == ()


def test_a_file_is_no_place_for_an_app(tmp_path: Path) -> None:
    (tmp_path / "app").touch()

    with pytest.raises(AppLoadError, match="is a file"):
        init_app(tmp_path / "app")


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "../x", "host", "x" * 129])
def test_a_name_that_the_host_would_refuse_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(tmp_path, name).code == "FJ0130"


@every_model
def test_a_function_that_is_there_is_not_written_over(tmp_path: Path, model: str) -> None:
    init_app(tmp_path, model=model)

    assert refused(tmp_path, "hello").code == "FJ0170"


def test_half_a_function_is_not_written_over_either(tmp_path: Path) -> None:
    init_app(tmp_path)
    (tmp_path / "half").mkdir()
    (tmp_path / "half/__init__.py").write_text("# mine\n")

    assert refused(tmp_path, "half").code == "FJ0170"


def test_the_model_of_an_app_is_seen_from_its_functions(tmp_path: Path) -> None:
    init_app(tmp_path, model="v3")
    (tmp_path / "local.settings.json").unlink()

    assert new_function(tmp_path, "more", "timer", None, {}).model == "v3"


@pytest.mark.parametrize(("runtime", "model"), [("python", "v1"), ("node", "v3")])
def test_the_model_of_an_empty_app_is_seen_from_its_runtime(
    tmp_path: Path, runtime: str, model: str
) -> None:
    environ = {"FUNCTIONS_WORKER_RUNTIME": runtime}

    assert new_function(tmp_path, "first", "http", None, environ).model == model


@pytest.mark.parametrize(
    ("host", "runtime", "fix"),
    [
        (None, "", "funcjson init"),
        ('{"version": "2.0"}', "", "--model v1"),
        ('{"version": "2.0", "customHandler": {}}', "custom", "by hand"),
    ],
)
def test_an_app_of_unknown_model_is_told_what_to_do(
    tmp_path: Path, host: str | None, runtime: str, fix: str
) -> None:
    if host:
        (tmp_path / "host.json").write_text(host)
    with pytest.raises(AppLoadError) as caught:
        new_function(tmp_path, "f", "http", None, {"FUNCTIONS_WORKER_RUNTIME": runtime})

    assert caught.value.problems[0].code == "FJ0171"
    assert fix in caught.value.problems[0].fix


@pytest.mark.parametrize(
    ("app", "asked"), [("v3", "v4"), ("v4", "v3"), ("v1", "v3"), ("v1", "v2"), ("v2", "v1")]
)
def test_a_function_of_another_model_is_refused(tmp_path: Path, app: str, asked: str) -> None:
    init_app(tmp_path, model=app)

    assert refused(tmp_path, "more", asked).code == "FJ0171"


def test_a_function_in_code_needs_an_app_of_its_model(tmp_path: Path) -> None:
    assert "funcjson init" in refused(tmp_path, "first", "v4").fix


@pytest.mark.parametrize("model", ["v2", "v4"])
def test_what_an_app_lacks_for_a_function_in_code_is_told_and_that_helps(
    tmp_path: Path, model: str
) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}', "utf-8")
    told = refused(tmp_path, "first", model)
    init_app(tmp_path, model=model)
    new_function(tmp_path, "first", "http", model=model)

    assert f"funcjson init {tmp_path} --model {model}" in told.fix
    assert "--model v1" not in told.fix


def test_both_languages_go_into_an_app_that_names_none(tmp_path: Path) -> None:
    init_app(tmp_path, model="v1")
    (tmp_path / "local.settings.json").unlink()

    assert new_function(tmp_path, "more", "http", "v3", {}).model == "v3"


@pytest.mark.parametrize("template", ["http", "signalr-negotiate", "signalr-broadcast"])
@pytest.mark.parametrize("name", ["admin", "Admin-page", "runtime"])
def test_a_route_of_the_host_is_no_name(tmp_path: Path, template: str, name: str) -> None:
    init_app(tmp_path)
    with pytest.raises(AppLoadError) as caught:
        new_function(tmp_path, name, template, None, {})

    assert caught.value.problems[0].code == "FJ0241"
    assert not (tmp_path / name).exists()
    new_function(tmp_path, name, "timer", None, {})
    assert [p for p in validate_app(tmp_path, {}) if p.severity is not Severity.NOTE] == []


@pytest.mark.parametrize(
    ("before", "language", "model"),
    [("v1", "javascript", None), ("v1", None, "v2"), ("v3", "python", None), ("v4", None, "v3")],
)
def test_an_app_of_another_model_is_left_as_it_is(
    tmp_path: Path, before: str, language: str | None, model: str | None
) -> None:
    init_app(tmp_path, model=before)
    there = texts(tmp_path)
    with pytest.raises(AppLoadError) as caught:
        init_app(tmp_path, language, model)

    assert caught.value.problems[0].code == "FJ0171"
    assert texts(tmp_path) == there


@pytest.mark.parametrize(
    ("model", "language"), [("v2", None), ("v2", "python"), ("v4", "javascript"), ("v3", None)]
)
def test_what_an_app_of_a_model_lacks_is_made(
    tmp_path: Path, model: str, language: str | None
) -> None:
    init_app(tmp_path, model=model)
    (tmp_path / ".gitignore").unlink()

    made = init_app(tmp_path, language)

    assert (made.model, made.created) == (model, (".gitignore",))


# -- function_app.py -----------------------------------------------------------------------------


def test_a_function_goes_to_the_end_of_function_app_with_the_imports_it_needs(
    tmp_path: Path,
) -> None:
    mine = "import azure.functions as func\n\napp: func.FunctionApp = func.FunctionApp()\n# mine"
    (tmp_path / "function_app.py").write_text(mine)

    made = new_function(tmp_path, "tell", "signalr-broadcast", None, {})
    text = (tmp_path / "function_app.py").read_text()

    assert made.changed == ("function_app.py",)
    assert text.startswith(mine + "\n")
    assert text.count("import azure.functions") == 1
    assert text.count("import json") == 1
    assert "import logging" not in text
    ast.parse(text)


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_file_keeps_its_first_bytes_and_line_ends(tmp_path: Path, bom: str, end: str) -> None:
    init_app(tmp_path, model="v2")
    file = tmp_path / "function_app.py"
    before = (bom + file.read_text("utf-8").replace("\n", end)).encode()
    file.write_bytes(before)

    new_function(tmp_path, "tick", "timer", None, {})
    after = file.read_bytes()

    assert after.startswith(before.rstrip())
    assert b"def tick(" in after
    assert after.count(b"\n") == after.count(end.encode())
    assert (after.count(b"\r") == 0) == (end == "\n")


def test_a_file_of_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_bytes(b"# coding: latin-1\napp = '\xe9'\n")
    with pytest.raises(AppLoadError, match="not UTF-8"):
        new_function(tmp_path, "f", "http", None, {})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def broken(", "FJ0171"),
        ("import azure.functions as func\n", "FJ0171"),
        ("app = 1\ndef F(): pass\n", "FJ0170"),
        ("app = 1\n@app.function_name(name='f')\ndef other(): pass\n", "FJ0170"),
    ],
)
def test_a_function_app_that_cannot_take_the_function_stays_as_it_is(
    tmp_path: Path, text: str, code: str
) -> None:
    (tmp_path / "function_app.py").write_text(text)

    assert refused(tmp_path, "f").code == code


@pytest.mark.parametrize("name", ["class", "app", "json"])
def test_a_name_that_python_needs_is_not_taken_for_the_python_function(
    tmp_path: Path, name: str
) -> None:
    init_app(tmp_path, model="v2")
    new_function(tmp_path, name, "http", None, {})
    text = (tmp_path / "function_app.py").read_text()

    assert f'@app.function_name("{name}")' in text
    assert f"def {name}_function(" in text
    assert refused(tmp_path, name).code == "FJ0170"


# -- the command line ----------------------------------------------------------------------------


def test_the_command_line_offers_what_there_is() -> None:
    assert cli._LANGUAGES == LANGUAGES
    assert tuple(KINDS) == cli._MODELS
    assert cli._TEMPLATES == TEMPLATES


def test_the_command_to_run_an_app_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "my app"

    assert cli.main(["init", str(app)]) == 0
    assert f"funcjson start '{app}' --install" in capsys.readouterr().out


def test_the_commands_say_what_they_made_and_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app"

    assert cli.main(["init", str(app), "--language", "javascript"]) == 0
    assert f"Run it: funcjson start {app}\n" in capsys.readouterr().out
    assert cli.main(["new", "tell", "--template", "signalr-broadcast", "--app", str(app)]) == 0
    assert f"created  {app}/tell/function.json" in capsys.readouterr().out
    assert cli.main(["new", "tell", "--app", str(app)]) == 1
    assert "error[FJ0170]" in capsys.readouterr().err
    assert cli.main(["init", str(app)]) == 0
    assert f"kept     {app}/host.json" in capsys.readouterr().out
