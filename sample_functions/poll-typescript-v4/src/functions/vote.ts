// Everybody sees the count when somebody votes.
import { app, HttpRequest, HttpResponseInit, InvocationContext, output } from "@azure/functions";
import { Choice, count, isChoice } from "../poll";

const signalR = output.generic({ type: "signalR", name: "signalR", hubName: "poll" });

async function vote(request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  const { choice } = request.params;
  if (!isChoice(choice)) {
    return { status: 404, body: `Vote for one of: ${Object.values(Choice).join(", ")}` };
  }
  context.extraOutputs.set(signalR, { target: "newMessage", arguments: [count(choice)] });
  return { status: 202 };
}

app.post("vote", {
  authLevel: "anonymous",
  route: "votes/{choice}",
  extraOutputs: [signalR],
  handler: vote,
});
