"use strict";
// A small SignalR client: JSON protocol over a WebSocket, enough to be one of two people in a class.
class HubClient {
  constructor(info, heard, stateChanged) {
    this.info = info;
    this.heard = heard; // (target, arguments)
    this.stateChanged = stateChanged; // (state, text)
    this.id = "";
    this.connected = false; // from the end of the handshake to the end of the connection
    this.socket = null;
    this.waiting = new Map();
    this.calls = 0;
    this.rest = "";
  }

  async start() {
    this.stateChanged("connecting", "connecting");
    const base = new URL(this.info.url);
    const negotiate = new URL(base);
    negotiate.pathname = base.pathname.replace(/\/?$/, "/negotiate");
    negotiate.searchParams.set("negotiateVersion", "1");
    const answer = await fetch(negotiate, {
      method: "POST", credentials: "omit", headers: { Authorization: `Bearer ${this.info.accessToken}` },
    });
    if (!answer.ok) {
      const why = (await answer.text()).trim();
      throw new Error(`the service answered ${answer.status}${why ? `: ${why}` : ""}`);
    }
    const told = await answer.json();
    this.id = told.connectionId;
    const url = new URL(base);
    url.protocol = base.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("id", told.connectionToken || told.connectionId);
    url.searchParams.set("access_token", this.info.accessToken);
    await this.open(url);
  }

  open(url) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      this.socket = socket;
      socket.onopen = () => this.write({ protocol: "json", version: 1 });
      socket.onerror = () => reject(new Error("the WebSocket could not be opened"));
      socket.onclose = () => {
        reject(new Error("the service closed the connection"));
        this.end("disconnected", "disconnected");
      };
      let greeted = false;
      socket.onmessage = (event) => {
        const parts = (this.rest + event.data).split("\u001e");
        this.rest = parts.pop();
        for (const part of parts) {
          const message = JSON.parse(part);
          if (greeted) {
            this.take(message);
          } else if (message.error) {
            reject(new Error(message.error));
          } else {
            greeted = this.connected = true;
            this.pinging = setInterval(() => this.write({ type: 6 }), 15000);
            this.stateChanged("connected", `connected as ${this.id}`);
            resolve();
          }
        }
      };
    });
  }

  take(message) {
    if (message.type === 1) {
      this.heard(message.target, message.arguments || []);
      if (message.invocationId) this.write({ type: 3, invocationId: message.invocationId, error: "this client gives no results" });
    } else if (message.type === 3) {
      const waits = this.waiting.get(message.invocationId);
      this.waiting.delete(message.invocationId);
      if (waits) (message.error ? waits.reject(new Error(message.error)) : waits.resolve(message.result));
    } else if (message.type === 7) {
      this.end("disconnected", message.error ? `closed by the service: ${message.error}` : "closed by the service");
      this.socket.close();
    }
  }

  // Call the hub and wait for what a signalRTrigger function returns.
  invoke(target, list) {
    const invocationId = String(++this.calls);
    return new Promise((resolve, reject) => {
      this.waiting.set(invocationId, { resolve, reject });
      this.write({ type: 1, target, arguments: list, invocationId });
    });
  }

  // Call the hub and wait for nothing: there is no answer, whatever becomes of it.
  send(target, list) {
    this.write({ type: 1, target, arguments: list });
  }

  write(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(`${JSON.stringify(message)}\u001e`);
  }

  end(state, text) {
    this.connected = false;
    clearInterval(this.pinging);
    for (const waits of this.waiting.values()) waits.reject(new Error("the connection ended"));
    this.waiting.clear();
    if (!this.ended) this.stateChanged(state, text);
    this.ended = true;
  }

  stop() {
    if (this.socket) this.socket.close();
    this.end("disconnected", "disconnected");
  }
}
