// Broadcasts by Node's ws and by socket.io: `node other_servers.mjs ws|socketio SIZE`.
// Each line "send COUNT PAUSE_US" on standard input is answered by COUNT broadcasts of a text of SIZE characters.

import { createServer } from "node:http";
import { createInterface } from "node:readline";

const [kind, size] = [process.argv[2], Number(process.argv[3])];
const http = createServer();
let broadcast;

if (kind === "ws") {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  const text = "x".repeat(size);
  broadcast = () => {
    for (const client of server.clients) client.send(text);
  };
} else {
  const { Server } = await import("socket.io");
  const server = new Server(http, { transports: ["websocket"], pingInterval: 3_600_000, serveClient: false });
  const text = "x".repeat(size - '42["m",""]'.length);
  broadcast = () => server.emit("m", text);
}

http.listen(0, "127.0.0.1", 4096, () => console.log(`port ${http.address().port}`));
const turn = (ms) => new Promise((resolve) => (ms ? setTimeout(resolve, ms) : setImmediate(resolve)));
for await (const line of createInterface({ input: process.stdin })) {
  const [rounds, pause] = line.split(" ").slice(1).map(Number);
  for (let round = 0; round < rounds; round++) {
    broadcast();
    await turn(pause / 1000);
  }
  console.log("sent");
}
process.exit(0);
