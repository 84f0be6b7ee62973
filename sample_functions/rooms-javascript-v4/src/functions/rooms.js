// A route parameter names the group; the user who joins is whoever the login says it is.
const { app, output } = require("@azure/functions");

const signalR = output.generic({ type: "signalR", name: "signalR", hubName: "rooms" });

app.http("members", {
  methods: ["POST", "DELETE"],
  authLevel: "anonymous",
  route: "rooms/{room}/members",
  extraOutputs: [signalR],
  handler: (request, context) => {
    const userId = request.headers.get("x-ms-client-principal-id");
    if (!userId) return { status: 401, body: "Sign in first." };
    const action = request.method === "POST" ? "add" : "remove";
    context.extraOutputs.set(signalR, { userId, groupName: request.params.room, action });
    return { status: 204 };
  },
});

app.http("say", {
  methods: ["POST"],
  authLevel: "anonymous",
  route: "rooms/{room}/messages",
  extraOutputs: [signalR],
  handler: async (request, context) => {
    const { text } = await request.json();
    context.extraOutputs.set(signalR, {
      target: "newMessage",
      groupName: request.params.room,
      arguments: [text],
    });
    return { status: 202 };
  },
});
