// Send a message to one user: to every connection that was negotiated with this user id.
module.exports = async function (context, req) {
  const { userId, text } = Object(req.body);
  // An empty user id would mean "everyone" to the binding.
  if (!userId || text === undefined) {
    context.res = { status: 400, body: 'Send JSON such as {"userId": "ann", "text": "hello"}.' };
    return;
  }

  const sender = req.headers["x-ms-client-principal-name"] ?? "somebody";
  context.bindings.signalRMessages = [
    { userId, target: "newMessage", arguments: [{ sender, text, to: userId }] },
  ];
  context.res = { status: 202 };
};
