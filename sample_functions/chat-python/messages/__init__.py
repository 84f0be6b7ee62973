"""Send a message to everyone who is connected to the hub."""

import json

import azure.functions as func


def main(req: func.HttpRequest, signalRMessages: func.Out[str]) -> func.HttpResponse:
    try:
        text = req.get_json()["text"]
    except (ValueError, KeyError, TypeError):
        return func.HttpResponse('Send JSON such as {"text": "hello"}.', status_code=400)

    sender = req.headers.get("x-ms-client-principal-name", "somebody")
    message = {"sender": sender, "text": text, "to": "everyone"}
    signalRMessages.set(json.dumps({"target": "newMessage", "arguments": [message]}))
    return func.HttpResponse(status_code=202)
