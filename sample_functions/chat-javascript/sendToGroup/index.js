// Send a message to the members of one group.
module.exports = async function (context, req) {
  const { groupName, text } = Object(req.body);
  // An empty group name would mean "everyone" to the binding.
  if (!groupName || text === undefined) {
    const example = '{"groupName": "readers", "text": "hello"}';
    context.res = { status: 400, body: `Send JSON such as ${example}.` };
    return;
  }

  const sender = req.headers["x-ms-client-principal-name"] ?? "somebody";
  context.bindings.signalRMessages = [
    { groupName, target: "newMessage", arguments: [{ sender, text, to: `group ${groupName}` }] },
  ];
  context.res = { status: 202 };
};
