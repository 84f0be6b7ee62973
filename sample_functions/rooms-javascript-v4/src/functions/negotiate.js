// The v4 model: functions are registered by code, and compile to the same bindings (see `funcjson show`).
const { app, input } = require("@azure/functions");

const connectionInfo = input.generic({
  type: "signalRConnectionInfo",
  name: "connectionInfo",
  hubName: "rooms",
  userId: "{headers.x-ms-client-principal-id}",
});

app.post("negotiate", {
  authLevel: "anonymous",
  extraInputs: [connectionInfo],
  handler: (request, context) => ({ jsonBody: context.extraInputs.get(connectionInfo) }),
});
