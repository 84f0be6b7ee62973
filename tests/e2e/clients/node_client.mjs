// A chat client on the official JavaScript client. Arguments: the functions' base URL, the user.
// Prints what happens as lines of JSON; stops its connection when its input ends.
import { HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

const [functions, user] = process.argv.slice(2);
const say = (happened) => process.stdout.write(JSON.stringify(happened) + "\n");
const headers = { "x-ms-client-principal-id": user, "x-ms-client-principal-name": user };

const connection = new HubConnectionBuilder()
  .withUrl(functions, { headers })
  .configureLogging(LogLevel.Warning)
  .build();
connection.on("newMessage", (message) => say({ event: "message", message }));
connection.onclose((error) => error && say({ event: "closed", error: error.message }));

process.stdin.resume();
process.stdin.on("end", () => connection.stop());
await connection.start();
say({ event: "connected" });
