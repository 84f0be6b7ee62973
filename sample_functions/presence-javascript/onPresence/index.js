// Event Grid tells of clients that come and go; on Azure a subscription delivers the events, here the local service does.
module.exports = async (context, event) => {
  const came = event.eventType === "Microsoft.SignalRService.ClientConnectionConnected";
  context.bindings.messages = {
    target: "newMessage",
    arguments: [{ user: event.data.userId, state: came ? "came" : "left" }],
  };
};
