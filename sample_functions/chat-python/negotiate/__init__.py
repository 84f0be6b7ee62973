"""Tell a client where the SignalR service is, and give it a token that says who it is."""

import azure.functions as func


def main(req: func.HttpRequest, connectionInfo: str) -> func.HttpResponse:
    # The binding made this already: JSON text with "url" and "accessToken".
    return func.HttpResponse(connectionInfo, mimetype="application/json")
