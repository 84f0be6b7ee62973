// Tell a client where the SignalR service is, and give it a token that says who it is.
module.exports = async function (context, req, connectionInfo) {
  // The binding made this already: an object with url and accessToken.
  // Without the header it would be sent as text/plain, which some clients do not read as JSON.
  context.res = { headers: { "Content-Type": "application/json" }, body: connectionInfo };
};
