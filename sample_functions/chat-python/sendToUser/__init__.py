"""Send a message to one user: to every connection that was negotiated with this user id."""

import json

import azure.functions as func

EXAMPLE = 'Send JSON such as {"userId": "ann", "text": "hello"}.'


def main(req: func.HttpRequest, signalRMessages: func.Out[str]) -> func.HttpResponse:
    try:
        body = req.get_json()
        user_id, text = body["userId"], body["text"]
    except (ValueError, KeyError, TypeError):
        return func.HttpResponse(EXAMPLE, status_code=400)
    if not user_id:  # an empty user id would mean "everyone" to the binding
        return func.HttpResponse(EXAMPLE, status_code=400)

    sender = req.headers.get("x-ms-client-principal-name", "somebody")
    message = {"sender": sender, "text": text, "to": user_id}
    signalRMessages.set(
        json.dumps({"userId": user_id, "target": "newMessage", "arguments": [message]})
    )
    return func.HttpResponse(status_code=202)
