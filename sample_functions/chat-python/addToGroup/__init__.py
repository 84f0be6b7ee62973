"""Put the signed-in user into a group."""

import json

import azure.functions as func


def main(req: func.HttpRequest, signalRGroupActions: func.Out[str]) -> func.HttpResponse:
    user_id = req.headers.get("x-ms-client-principal-id")
    if not user_id:
        return func.HttpResponse("Sign in first: a group holds users.", status_code=401)
    try:
        group_name = req.get_json()["groupName"]
    except (ValueError, KeyError, TypeError):
        return func.HttpResponse('Send JSON such as {"groupName": "readers"}.', status_code=400)

    signalRGroupActions.set(
        json.dumps({"userId": user_id, "groupName": group_name, "action": "add"})
    )
    return func.HttpResponse(status_code=202)
