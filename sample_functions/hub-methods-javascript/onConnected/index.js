// The service tells of a new connection: greet it, and nobody else.
module.exports = async (context, invocation) => {
  context.bindings.greeting = {
    target: "newMessage",
    connectionId: invocation.ConnectionId,
    arguments: [`Hello ${invocation.UserId}`],
  };
};
