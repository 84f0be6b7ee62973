// The chat page.
const { readFile } = require("node:fs/promises");
const { join } = require("node:path");

module.exports = async function (context) {
  const page = await readFile(join(context.executionContext.functionDirectory, "index.html"), "utf8");
  context.res = { headers: { "content-type": "text/html; charset=utf-8" }, body: page };
};
