"""Send a message to the members of one group."""

import json

import azure.functions as func

EXAMPLE = 'Send JSON such as {"groupName": "readers", "text": "hello"}.'


def main(req: func.HttpRequest, signalRMessages: func.Out[str]) -> func.HttpResponse:
    try:
        body = req.get_json()
        group_name, text = body["groupName"], body["text"]
    except (ValueError, KeyError, TypeError):
        return func.HttpResponse(EXAMPLE, status_code=400)
    if not group_name:  # an empty group name would mean "everyone" to the binding
        return func.HttpResponse(EXAMPLE, status_code=400)

    sender = req.headers.get("x-ms-client-principal-name", "somebody")
    message = {"sender": sender, "text": text, "to": f"group {group_name}"}
    signalRMessages.set(
        json.dumps({"groupName": group_name, "target": "newMessage", "arguments": [message]})
    )
    return func.HttpResponse(status_code=202)
