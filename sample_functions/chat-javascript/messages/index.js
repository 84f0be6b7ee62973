// Send a message to everyone who is connected to the hub.
module.exports = async function (context, req) {
  const { text } = Object(req.body);
  if (text === undefined) {
    context.res = { status: 400, body: 'Send JSON such as {"text": "hello"}.' };
    return;
  }

  const sender = req.headers["x-ms-client-principal-name"] ?? "somebody";
  context.bindings.signalRMessages = [
    { target: "newMessage", arguments: [{ sender, text, to: "everyone" }] },
  ];
  context.res = { status: 202 };
};
