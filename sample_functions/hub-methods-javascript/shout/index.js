// `connection.send("shout", text)` waits for nothing; what all hear goes through the output binding.
module.exports = async (context, invocation) => {
  context.bindings.messages = {
    target: "newMessage",
    arguments: [`${invocation.UserId}: ${context.bindingData.text.toUpperCase()}`],
  };
};
