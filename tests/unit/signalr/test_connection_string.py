"""Connection strings: what a wrong one is told, and what never shows."""

from __future__ import annotations

import pytest

from funcjson.signalr.connection_string import ConnectionStringError, parse_connection_string

KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="

HINTS = [
    ("AzureSignalRConnectionString", "name of a setting"),
    (f'"Endpoint=https://x;AccessKey={KEY}"', "quotation marks"),
    (f"Endpoint='https://x';AccessKey={KEY}", "quotation marks"),
    ("<your connection string>", "placeholder"),
    (f"Endpoint=https://<name>.service.signalr.net;AccessKey={KEY}", "placeholder"),
    (f"Endpont=https://x;AccessKey={KEY}", "did you mean Endpoint"),
    (f"Endpoint=https://x;AcessKey={KEY}", "did you mean AccessKey"),
    (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}", "a storage account"),
    (f"HostName=h.azure-devices.net;SharedAccessKey={KEY}", "IoT Hub"),
    (f"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKey={KEY}", "Service Bus"),
    (f"Endpoint=localhost:8888;AccessKey={KEY}", "must start with http:// or https://"),
    (f"Endpoint=https://x;AccessKey={KEY};accesskey=other", "keep only one"),
    ("Endpoint=https://x;AccessKey=", "AccessKey has no value"),
    ("Endpoint=https://x;Version=1.0", "add AccessKey="),
]


@pytest.mark.parametrize(("text", "hint"), HINTS)
def test_a_wrong_connection_string_is_told_what_to_change(text: str, hint: str) -> None:
    with pytest.raises(ConnectionStringError) as caught:
        parse_connection_string(text)

    assert hint in caught.value.hint
    assert KEY not in str(caught.value)


def test_the_key_and_the_client_secret_never_show() -> None:
    endpoint = parse_connection_string(f"Endpoint=https://x;AccessKey={KEY}")
    app = parse_connection_string(
        "Endpoint=https://x;AuthType=azure.app;clientId=c;tenantId=t;clientSecret=hush"
    )

    assert KEY not in repr(endpoint)
    assert "hush" not in repr(app)
    assert app.identity is not None
    assert app.identity.kind == "azure.app"


def test_the_endpoint_is_normalised() -> None:
    endpoint = parse_connection_string(f"Endpoint=HTTPS://Host.Example:443/;AccessKey={KEY}")

    assert endpoint.endpoint == "https://host.example"
    assert endpoint.client_endpoint == "https://host.example/"
    assert endpoint.audience_base == "https://host.example/"


def test_an_ipv6_host_keeps_its_brackets() -> None:
    endpoint = parse_connection_string(f"Endpoint=http://[::1];Port=9000;AccessKey={KEY}")

    assert endpoint.server_endpoint == "http://[::1]:9000/"
    assert endpoint.audience_base == "http://[::1]/"


def test_a_named_endpoint_keeps_its_name_and_type() -> None:
    endpoint = parse_connection_string(
        f"Endpoint=https://x;AccessKey={KEY}", name="east", endpoint_type="Secondary"
    )

    assert (endpoint.name, endpoint.endpoint_type) == ("east", "Secondary")
