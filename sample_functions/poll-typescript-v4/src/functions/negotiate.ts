import { app, HttpRequest, HttpResponseInit, input, InvocationContext } from "@azure/functions";

const connectionInfo = input.generic({
  type: "signalRConnectionInfo",
  name: "connectionInfo",
  hubName: "poll",
});

async function negotiate(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  return { jsonBody: context.extraInputs.get(connectionInfo) };
}

app.post("negotiate", { authLevel: "anonymous", extraInputs: [connectionInfo], handler: negotiate });
