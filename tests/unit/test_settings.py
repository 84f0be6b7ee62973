"""Where settings come from, which wins, and what a broken local.settings.json leads to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from funcjson.errors import Severity
from funcjson.settings import NamedEndpoint, Settings, load_settings


def load(tmp_path: Path, local: Any = None, environ: dict[str, str] | None = None) -> Settings:
    if local is not None:
        text = local if isinstance(local, str) else json.dumps(local)
        (tmp_path / "local.settings.json").write_text(text, encoding="utf-8")
    return load_settings(tmp_path, environ or {})


def codes(settings: Settings) -> list[str]:
    return [problem.code for problem in settings.problems]


def test_an_app_without_files_has_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"A": "1"})

    assert settings.problems == ()
    assert (settings.get("a"), settings.origin("a")) == ("1", "environment")
    assert settings.get("B") is None
    assert settings.get("") is None


def test_values_are_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"Hub": "chat", "Port": 7071, "Flag": True, "E": ""}})

    assert [settings.get(name) for name in ("HUB", "port", "Flag", "E")] == [
        "chat",
        "7071",
        "true",
        "",
    ]
    assert settings.origin("hub") == "local.settings.json Values"
    assert settings.names() == ("E", "Flag", "Hub", "Port")


def test_the_environment_wins_and_says_so(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"Hub": "file"}}, {"Hub": "real"})

    assert settings.get("Hub") == "real"
    (note,) = settings.problems
    assert (note.code, note.severity) == ("FJ0123", Severity.NOTE)
    assert note.where is not None
    assert note.where.pointer == "/Values/Hub"
    assert note.azure == (
        "Skipping 'Hub' from local settings as it's already defined in current environment "
        "variables."
    )
    assert "real" not in str(note)


def test_an_empty_variable_does_not_win(tmp_path: Path) -> None:
    # Core Tools looks whether the variable is null or empty.
    settings = load(tmp_path, {"Values": {"Hub": "file"}}, {"Hub": ""})

    assert settings.get("Hub") == "file"
    assert settings.worker_environment()["Hub"] == "file"


def test_overrides_win_over_everything(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"Hub": "real"}, {"hub": "test"})

    assert (settings.get("Hub"), settings.origin("Hub")) == ("test", "override")


def test_levels_are_separated_by_colons_or_underscores(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"A__B": "1", "C:D": "2", "C__D": "3"}})

    assert (settings.get("a:b"), settings.get("a__b"), settings.get("C__D")) == ("1", "1", "2")


@pytest.mark.parametrize("entry", ["Endpoint=x", {"ConnectionString": "Endpoint=x"}])
def test_connection_strings_come_first(tmp_path: Path, entry: Any) -> None:
    settings = load(tmp_path, {"Values": {"Db": "value"}, "ConnectionStrings": {"Db": entry}})

    assert settings.connection_string("db") == "Endpoint=x"
    assert settings.connection_origin("db") == "local.settings.json ConnectionStrings"
    assert settings.get("db") == "value"


def test_an_empty_connection_string_wins_too(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"Db": "value", "ConnectionStrings:Db": ""}})

    assert settings.connection_string("Db") == ""


def test_a_variable_can_be_a_connection_string(tmp_path: Path) -> None:
    local = {"ConnectionStrings": {"Db": "file"}}
    settings = load(tmp_path, local, {"ConnectionStrings:Db": "real"})

    assert settings.connection_string("Db") == "real"


def test_named_endpoints_come_in_order_with_their_kind(tmp_path: Path) -> None:
    prefix = "Azure__SignalR__Endpoints__"
    settings = load(
        tmp_path,
        {
            "Values": {
                f"{prefix}east": "0",
                f"{prefix}east__secondary": "2",
                f"{prefix}EAST__primary": "1",
                "Azure:SignalR:Endpoints:west:Primary": "3",
                f"{prefix}id__serviceUri": "https://x",
                f"{prefix}id__type": "secondary",
            }
        },
    )

    assert settings.named_endpoints() == (
        NamedEndpoint("east", "Primary", "0"),
        NamedEndpoint("east", "Primary", "1"),
        NamedEndpoint("east", "Secondary", "2"),
        NamedEndpoint("west", "Primary", "3"),
    )
    (identity,) = settings.named_identities()
    assert (identity.name, identity.kind, identity.service_uri) == ("id", "Secondary", "https://x")


def test_an_identity_keeps_no_secret(tmp_path: Path) -> None:
    below = {"serviceUri": "https://x", "clientId": "c", "tenantId": "t", "clientSecret": "hush"}
    settings = load(tmp_path, {"Values": {f"Conn__{name}": text for name, text in below.items()}})
    identity = settings.identity("Conn")

    assert identity is not None
    assert (identity.client_id, identity.tenant_id) == ("c", "t")
    assert "hush" not in repr(identity)
    assert settings.identity("Other") is None


def test_no_value_shows_in_a_repr(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"Key": "hush"}}, {"Other": "quiet"})

    assert "hush" not in repr(settings)
    assert "quiet" not in repr(settings)


def test_the_worker_gets_settings_as_variables(tmp_path: Path) -> None:
    local = {"Values": {"Hub": "chat", "PATH": "/file"}, "ConnectionStrings": {"Db": "x"}}
    variables = load(tmp_path, local, {"PATH": "/bin"}).worker_environment("localhost:7071")

    assert variables == {
        "PATH": "/bin",
        "Hub": "chat",
        "ConnectionStrings:Db": "x",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(tmp_path),
        "FUNCTIONS_APPLICATION_DIRECTORY": str(tmp_path),
        "WEBSITE_HOSTNAME": "localhost:7071",
    }


@pytest.mark.parametrize("cors", ["http://a, http://b,", ["http://a", "http://b"]])
def test_host_section(tmp_path: Path, cors: Any) -> None:
    host = {"LocalHttpPort": "7072", "CORS": cors, "CORSCredentials": "true"}
    local = load(tmp_path, {"Host": {**host, "LocalHttpAddress": "127.0.0.1"}}).local_host

    assert (local.port, local.address) == (7072, "127.0.0.1")
    assert local.cors == ("http://a", "http://b")
    assert local.cors_credentials is True


@pytest.mark.parametrize("port", ["x", 99999])
def test_an_unreadable_host_section_is_the_default(tmp_path: Path, port: object) -> None:
    local = load(tmp_path, {"Host": {"LocalHttpPort": port, "CORS": 5}}).local_host

    assert (local.port, local.cors, local.cors_credentials) == (None, (), False)


def test_encrypted_values_are_an_error_and_not_used(tmp_path: Path) -> None:
    settings = load(tmp_path, {"IsEncrypted": True, "Values": {"Hub": "cipher"}})

    assert codes(settings) == ["FJ0121"]
    assert settings.problems[0].severity is Severity.ERROR
    assert settings.get("Hub") is None


def test_a_nested_value_is_left_out_alone(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        {"Values": {"A": {"B": 1}, "C": "c", "L": []}, "ConnectionStrings": {"Db": {}}},
    )

    assert codes(settings) == ["FJ0122", "FJ0122", "FJ0122"]
    assert settings.problems[0].fix == 'write one setting per level, such as "A__B": "..."'
    assert settings.get("C") == "c"


def test_null_and_nameless_values_are_noted(tmp_path: Path) -> None:
    settings = load(tmp_path, {"Values": {"": "x", "N": None}})

    assert [problem.azure for problem in settings.problems] == [
        "Skipping local setting with empty key.",
        "Skipping 'N' because value is null",
    ]


def test_broken_json_is_reported_with_its_place(tmp_path: Path) -> None:
    settings = load(tmp_path, '{\n "Values": {"A" "b"}}')

    assert codes(settings) == ["FJ0101"]
    assert str(settings.problems[0].where).startswith("local.settings.json:2:")
    assert settings.get("A") is None


def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").mkdir()

    assert codes(load(tmp_path))[0] == "FJ0120"


@pytest.mark.parametrize("name", ["local.settings.sample.json", "example.local.settings.json"])
def test_a_sample_of_the_file_is_pointed_at(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    (note,) = load(tmp_path).problems

    assert (note.code, note.fix) == (
        "FJ0124",
        f"copy {name} to local.settings.json and fill it in",
    )


def test_another_file_can_be_read(tmp_path: Path) -> None:
    other = tmp_path / "dev.json"
    other.write_text('{"Values": {"Hub": "dev"}}')

    assert load_settings(tmp_path, {}, settings_file=other).get("Hub") == "dev"


def test_a_placeholder_in_a_connection_string_is_noted(tmp_path: Path) -> None:
    text = "Endpoint=https://<name>.service.signalr.net;AccessKey=<key>;"
    settings = load(
        tmp_path, {"Values": {"Conn": text, "X": "<x>"}, "ConnectionStrings": {"C2": text}}
    )

    assert codes(settings) == ["FJ0126", "FJ0126"]
    assert [str(problem.where).rpartition("  ")[2] for problem in settings.problems] == [
        "/Values/Conn",
        "/ConnectionStrings/C2",
    ]


def test_host_json_is_read_beside_it(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(
        '{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}}}'
    )
    settings = load(tmp_path)

    assert settings.host.route_prefix == "v1"
    assert settings.host.present


def test_broken_host_json_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version" "2.0"}')
    settings = load(tmp_path)

    assert codes(settings) == ["FJ0101"]
    assert settings.host.route_prefix == "api"


def test_a_variable_replaces_a_member_of_host_json(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    name = "AzureFunctionsJobHost__extensions__http__routePrefix"

    assert load(tmp_path, environ={name: ""}).host.route_prefix == ""


def test_an_empty_host_json_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{}")

    assert codes(load(tmp_path)) == ["FJ0111"]


def test_places_of_cors_and_connection_strings_have_a_line(tmp_path: Path) -> None:
    text = (
        '{\n "Values": {\n  "A__b": "1"\n },\n "ConnectionStrings": {"C": "2"},\n'
        ' "Host": {\n  "CORS": "http://a"\n }\n}'
    )
    settings = load(tmp_path, text, {"E": "3"})

    places = [settings.connection_place(name) for name in ("A:b", "C", "E")]
    assert [str(place) for place in (*places, settings.local_host.cors_at)] == [
        "local.settings.json:3:11  /Values/A__b",
        "local.settings.json:5:29  /ConnectionStrings/C",
        "environment variable E",
        "local.settings.json:7:11  /Host/CORS",
    ]
