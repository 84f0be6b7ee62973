module.exports = async (context, req, connectionInfo) => {
  context.res = { headers: { "Content-Type": "application/json" }, body: connectionInfo };
};
