// The browser build of the official SignalR client, as npm put it into this app.
const { readFile } = require("node:fs/promises");
const { join } = require("node:path");

const BUILD = join(__dirname, "../node_modules/@microsoft/signalr/dist/browser/signalr.min.js");

module.exports = async function (context) {
  try {
    const body = await readFile(BUILD, "utf8");
    context.res = { headers: { "content-type": "text/javascript; charset=utf-8" }, body };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    context.res = {
      status: 404,
      body:
        "The package @microsoft/signalr is not installed in this app." +
        " Stop the host and start it again with --install.",
    };
  }
};
