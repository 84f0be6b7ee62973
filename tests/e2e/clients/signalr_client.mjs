// The official JavaScript client, obeying commands. Argument: options as JSON. Reads commands and tells what
// happens as lines of JSON.
//   url, token?            where to connect; with a token directly to the service
//   transport?, protocol   "WebSockets" | "ServerSentEvents" | "LongPolling"; "json" | "messagepack"
//   reconnects, stateful, skipsNegotiation, serverTimeout
import { createInterface } from "node:readline";
import { HttpTransportType, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const options = JSON.parse(process.argv[2]);
const say = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");
const text = (error) => (error === undefined ? null : error.message ?? String(error));

const http = {};
if (options.transport) http.transport = HttpTransportType[options.transport];
if (options.token) http.accessTokenFactory = () => options.token;
if (options.skipsNegotiation) http.skipNegotiation = true;

const builder = new HubConnectionBuilder()
  .withUrl(options.url, http)
  .configureLogging(options.verbose ? LogLevel.Debug : LogLevel.Warning);
if (options.protocol === "messagepack") builder.withHubProtocol(new MessagePackHubProtocol());
if (options.reconnects) builder.withAutomaticReconnect([0, 100, 200, 300, 500, 500, 1000, 1000, 1000, 1000]);
if (options.stateful) builder.withStatefulReconnect();
if (options.serverTimeout) builder.withServerTimeout(options.serverTimeout);
if (options.serverTimeout) builder.withKeepAliveInterval(options.serverTimeout / 3);
const connection = builder.build();

connection.on("newMessage", (...args) => say("message", { arguments: args }));
connection.on("ask", (x) => x * 2);
connection.on("broken", () => { throw new Error("the handler failed"); });
connection.onclose((error) => say("closed", { error: text(error) }));
connection.onreconnecting((error) => say("reconnecting", { error: text(error) }));
connection.onreconnected((id) => say("reconnected", { id }));

let streaming;
const commands = {
  start: async () => {
    try {
      await connection.start();
      say("connected", { id: connection.connectionId });
    } catch (error) {
      say("refused", { error: text(error) });
    }
  },
  invoke: async ({ target, arguments: args }) => {
    try {
      const value = await connection.invoke(target, ...args);
      say("result", { value: value === undefined ? "nothing" : value });
    } catch (error) {
      say("failure", { error: text(error) });
    }
  },
  send: async ({ target, arguments: args }) => connection.send(target, ...args),
  stream: async ({ target, arguments: args = [] }) => {
    streaming = connection.stream(target, ...args).subscribe({
      next: (value) => say("item", { value }),
      complete: () => say("result", { value: "nothing" }),
      error: (error) => say("failure", { error: text(error) }),
    });
  },
  cancel: async () => streaming.dispose(),
  idle: async ({ milliseconds }) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    say("idle", { state: connection.state });
  },
  stop: async () => connection.stop(),
};

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const command = JSON.parse(line);
  commands[command.do](command).catch((error) => say("error", { error: text(error) }));
});
input.on("close", () => connection.stop());
