// Take the signed-in user out of a group.
module.exports = async function (context, req) {
  const userId = req.headers["x-ms-client-principal-id"];
  if (!userId) {
    context.res = { status: 401, body: "Sign in first: a group holds users." };
    return;
  }
  const { groupName } = Object(req.body);
  if (groupName === undefined) {
    context.res = { status: 400, body: 'Send JSON such as {"groupName": "readers"}.' };
    return;
  }

  context.bindings.signalRGroupActions = [{ userId, groupName, action: "remove" }];
  context.res = { status: 202 };
};
