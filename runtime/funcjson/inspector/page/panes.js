"use strict";
// Two clients side by side: sign in, connect, listen, join a group, call functions and the hub.
const Panes = (() => {
  const { el, code, value } = Steps;
  const { field, input, select, json } = Views;

  function pane(title, persona) {
    const state = el("p", { class: "state soft", role: "status" }, "not connected");
    const heard = el("ol", { class: "heard", "aria-label": `What ${title} got`, tabindex: "0" }, el("li", { class: "soft" }, "Nothing yet."));
    const who = input("who", { list: "personas", value: persona, placeholder: "nobody" });
    const through = select("through", []);
    const listens = input("listens", { placeholder: "every target" });
    const connect = el("button", { class: "main", type: "submit", disabled: true }, "Connect");
    const leave = el("button", { type: "button", disabled: true }, "Disconnect");
    let client = null;
    let hub = "";

    const note = (kind, ...content) => {
      const empty = heard.querySelector(".soft:only-child");
      if (empty) empty.remove();
      const follows = heard.scrollTop + heard.clientHeight >= heard.scrollHeight - 8;
      heard.append(el("li", { class: kind }, ...content));
      while (heard.childNodes.length > 200) heard.firstChild.remove();
      if (follows) heard.scrollTop = heard.scrollHeight;
    };
    const wanted = () => listens.value.split(",").map((one) => one.trim().toLowerCase()).filter(Boolean);
    const got = (target, list) => {
      const names = wanted();
      const hears = !names.length || names.includes(target.toLowerCase());
      note(hears ? "" : "unheard", code(target), " ",
        hears ? null : "came, but this client has no handler of that name, so its page shows nothing. ",
        ...list.map((one) => [value(one), " "]).flat());
    };
    const changed = (name, text) => {
      state.dataset.state = name;
      state.textContent = text;
      connect.disabled = name === "connecting" || name === "connected";
      leave.disabled = name !== "connected";
    };

    const signIn = el("form", {}, el("fieldset", {}, el("legend", {}, title),
      el("div", { class: "row" }, field("Signed in as", who, "fixed"), field("Connect through", through)),
      el("div", { class: "row" }, field("Listens to (names of targets, with commas)", listens)),
      el("div", { class: "actions" }, connect, leave, state)));
    signIn.addEventListener("submit", async (event) => {
      event.preventDefault();
      changed("connecting", "connecting");
      const chosen = JSON.parse(through.value || "{}");
      hub = "";
      try {
        const asked = chosen.hub ? { ...chosen, user: who.value } : { path: chosen.path, persona: who.value };
        const info = await Page.post("connect", asked);
        hub = new URL(info.url).searchParams.get("hub") || "";
        client = new HubClient(info, got, changed);
        await client.start();
      } catch (error) {
        changed("failed", `not connected: ${error.message}`);
        state.append(" ", await Page.lineAbout(hub ? `hub ${hub}` : ` ${chosen.path}`));
      }
    });
    leave.addEventListener("click", () => client && client.stop());

    // Groups, through the service.
    const joined = el("span", { class: "soft", role: "status" });
    const group = el("form", {}, el("div", { class: "row" }, field("Group", input("group", { required: true }), "fixed"),
      el("button", { value: "add" }, "Join"), el("button", { value: "remove" }, "Leave")), joined);
    group.addEventListener("submit", async (event) => {
      event.preventDefault();
      const action = event.submitter ? event.submitter.value : "add";
      const name = group.elements.group.value;
      try {
        if (!client || !client.connected) throw new Error("connect first");
        await Page.post("group", { hub, action, group: name, connection: client.id });
        joined.textContent = action === "add" ? `in group ${name}` : `left group ${name}`;
      } catch (error) {
        joined.textContent = error.message;
      }
    });

    // Functions, by HTTP.
    const answered = el("div", { role: "status" });
    const call = el("form", {}, el("fieldset", {}, el("legend", {}, "Call a function"),
      el("div", { class: "row" }, field("Method", select("method", ["POST", "GET", "PUT", "DELETE", "PATCH"].map((one) => [one, one])), "fixed"),
        field("Path", input("path", { list: "paths", required: true }))),
      field("Body", el("textarea", { name: "body", rows: "2", spellcheck: "false" }, "{\"text\": \"hello\"}")),
      el("div", { class: "row" },
        field("From a page of (empty: this host)", input("origin", { placeholder: "https://example.com" })),
        el("button", {}, "Call"))), answered);
    call.addEventListener("submit", async (event) => {
      event.preventDefault();
      const data = Object.fromEntries(new FormData(call));
      try {
        const got = await Page.post("call", { ...data, body: data.method === "GET" ? "" : data.body, persona: who.value });
        const cors = got.cors && !got.cors.readable;
        answered.replaceChildren(el("p", {}, "Answered ", code(String(got.status)), " ", got.body === null ? "with an empty body" : value(got.body)),
          got.status >= 400 ? await Page.lineAbout(` ${data.path.replace(/[?#].*$/, "")}`) : "",
          cors ? el("p", { class: "hint" }, `CORS: the browser keeps this answer from a page of ${got.cors.origin}: ${got.cors.why}.`) : "");
      } catch (error) {
        answered.replaceChildren(el("p", { class: "hint" }, error.message));
      }
    });

    // The hub, by its own protocol.
    const hubSaid = el("div", { role: "status" });
    const invoke = el("form", {}, el("fieldset", {}, el("legend", {}, "Call the hub"),
      el("div", { class: "row" },
        field("Target", input("target", { required: true }), "fixed"),
        field("Arguments, a JSON array", input("arguments", { value: "[\"hello\"]" })),
        el("button", { value: "invoke" }, "Invoke"), el("button", { value: "send" }, "Send"))), hubSaid);
    invoke.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        if (!client || !client.connected) throw new Error("connect first");
        const list = json(invoke.elements.arguments.value, "the list of arguments");
        if (event.submitter && event.submitter.value === "send") {
          client.send(invoke.elements.target.value, list);
          hubSaid.replaceChildren(el("p", { class: "soft" }, "Sent; the client does not wait for an answer."));
          return;
        }
        const result = await client.invoke(invoke.elements.target.value, list);
        hubSaid.replaceChildren(el("p", {}, "It returned ", value(result)));
      } catch (error) {
        const target = invoke.elements.target.value;
        hubSaid.replaceChildren(el("p", { class: "hint" }, error.message), client && client.connected ? await Page.lineAbout(`messages · ${target}`) : "");
      }
    });

    const node = el("section", { class: "panel pane", "aria-label": title }, signIn,
      el("div", {}, el("h4", {}, "Messages"), heard), group, call, invoke);
    return { node, who, through, listens, call, ready: (can) => { if (!["connecting", "connected"].includes(state.dataset.state)) connect.disabled = !can; } };
  }

  let panes = [];

  function start() {
    panes = [pane("Client 1", "alice"), pane("Client 2", "bob")];
    document.getElementById("panes").replaceChildren(...panes.map((one) => one.node));
  }

  function fill(app) {
    const asks = app.functions.filter((one) => one.givesToken && one.path && !one.path.includes("{"));
    const ways = asks.map((one) => [JSON.stringify({ path: one.path }), `${one.name}  (${one.path})`]);
    for (const hub of app.hubs) {
      ways.push([JSON.stringify({ hub }), `hub ${hub}, without a function`]);
      ways.push([JSON.stringify({ hub, expired: true }), `hub ${hub}, with an expired token`]);
    }
    const posts = app.functions.filter((one) => one.path && !one.givesToken && (!one.methods || one.methods.includes("POST")));
    for (const one of panes) {
      one.who.placeholder = app.default ? `${app.default}, by --as` : "nobody";
      const before = one.through.value;
      one.through.replaceChildren(...ways.map(([key, text]) => el("option", { value: key }, text)));
      if (ways.some(([key]) => key === before)) one.through.value = before;
      one.ready(ways.length > 0);
      if (!one.listens.value) one.listens.value = app.listeners.map((each) => each.target).filter((name, at, all) => all.indexOf(name) === at).join(", ");
      const path = one.call.elements.path;
      if (!path.value && posts.length) path.value = (posts.find((each) => each.outputs.length && /message/i.test(each.name)) || posts[0]).path;
    }
  }

  return { start, fill };
})();
