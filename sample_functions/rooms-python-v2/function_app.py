"""Rooms, with Python decorators (v2): a route parameter names the group."""

import json

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="negotiate", methods=["POST"])
@app.generic_input_binding(
    arg_name="connectionInfo",
    type="signalRConnectionInfo",
    hubName="rooms",
    userId="{headers.x-ms-client-principal-id}",
)
def negotiate(req: func.HttpRequest, connectionInfo: str) -> func.HttpResponse:
    return func.HttpResponse(connectionInfo, mimetype="application/json")


@app.route(route="rooms/{room}/members", methods=["POST", "DELETE"])
@app.generic_output_binding(arg_name="actions", type="signalR", hubName="rooms")
def members(req: func.HttpRequest, actions: func.Out[str]) -> func.HttpResponse:
    """The caller joins or leaves: whoever the login says it is, not whom the body names."""
    user = req.headers.get("x-ms-client-principal-id")
    if not user:
        return func.HttpResponse("Sign in first.", status_code=401)
    action = "add" if req.method == "POST" else "remove"
    actions.set(
        json.dumps({"userId": user, "groupName": req.route_params["room"], "action": action})
    )
    return func.HttpResponse(status_code=204)


@app.route(route="rooms/{room}/messages", methods=["POST"])
@app.generic_output_binding(arg_name="messages", type="signalR", hubName="rooms")
def say(req: func.HttpRequest, messages: func.Out[str]) -> func.HttpResponse:
    message = {
        "target": "newMessage",
        "groupName": req.route_params["room"],
        "arguments": [req.get_json()["text"]],
    }
    messages.set(json.dumps(message))
    return func.HttpResponse(status_code=202)
