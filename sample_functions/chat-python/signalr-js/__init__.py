"""The browser build of the official SignalR client, as npm put it into this app."""

from pathlib import Path

import azure.functions as func

BUILD = Path(__file__).parents[1] / "node_modules/@microsoft/signalr/dist/browser/signalr.min.js"


def main(req: func.HttpRequest) -> func.HttpResponse:
    if not BUILD.is_file():
        return func.HttpResponse(
            "The package @microsoft/signalr is not installed in this app."
            " Stop the host and start it again with --install.",
            status_code=404,
        )
    return func.HttpResponse(BUILD.read_bytes(), mimetype="text/javascript")
