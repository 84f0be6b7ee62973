"use strict";
// The views of functions and hubs: a drawing of each function's bindings; who is connected; sending as the service.
const Views = (() => {
  const { el, code, tag, table, value, plural, problem, place } = Steps;
  const SVG = "http://www.w3.org/2000/svg";

  // --- functions ---------------------------------------------------------------------------------

  const SHOWN = ["userId", "category", "event", "route", "schedule", "authLevel", "parameterNames", "connectionStringSetting", "idToken", "claimTypeList"];

  function box(kind, binding, extra) {
    const properties = SHOWN.filter((name) => binding.properties[name] !== undefined && binding.properties[name] !== "")
      .map((name) => [name, binding.properties[name]])
      .map(([name, content]) => el("small", {}, `${name} `, code(typeof content === "string" ? content : JSON.stringify(content))));
    return el("div", { class: "box" }, el("span", { class: "kind" }, kind), el("b", {}, binding.name), el("small", {}, binding.type), extra || null, properties,
      hubOf(binding));
  }

  /** The hub, and how it is written where that is a setting. */
  function hubOf({ hub, properties }) {
    const written = properties.hubName;
    if (!written) return null;
    const isSetting = hub && hub.toLowerCase() !== String(written).toLowerCase();
    return [el("span", { class: "hub" }, `hub ${hub && isSetting ? hub : written}`), isSetting ? el("small", {}, "hubName ", code(written)) : null];
  }

  function lines(count, into) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (let at = 0; at < count; at += 1) {
      const y = ((at + 0.5) / count) * 100;
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", into ? `M4 ${y} C60 ${y} 40 50 94 50` : `M6 50 C60 50 40 ${y} 96 ${y}`);
      svg.append(path);
    }
    return svg;
  }

  function drawing(one) {
    const methods = one.methods ? one.methods.join(", ") : "any method";
    const into = [box("trigger", one.trigger, one.path ? el("small", {}, code(`${methods} ${one.path}`)) : null),
      ...one.inputs.map((binding) => box("input", binding))];
    const out = [...(one.answer ? [box("answer", one.answer)] : []), ...one.outputs.map((binding) => box("output", binding))];
    const told = `${one.name}: ${into.length} in, ${out.length} out`;
    return el("figure", { class: "drawing", "aria-label": told },
      el("ul", { class: "in", "aria-label": "comes in" }, into.map((node) => el("li", {}, node))),
      lines(into.length, true),
      el("div", { class: "box function" }, el("b", {}, one.name),
        el("small", {}, (one.file || one.language).split("/").map((part, at) => [at ? "/" : "", at ? el("wbr") : null, part]))),
      lines(out.length, false),
      el("ul", { class: "out", "aria-label": "goes out" },
        out.length ? out.map((node) => el("li", {}, node)) : el("li", {}, el("div", { class: "box soft" }, "nothing"))));
  }

  function functions(app) {
    const cards = app.functions.map((one) => el("article", { class: "panel card", "aria-label": one.name },
      el("div", { class: "head" }, el("h3", {}, one.name),
        one.problems.some((p) => p.severity === "error") ? tag("bad", "does not work") : one.disabled ? tag("warn", "disabled") : null,
        el("span", { class: "soft" }, place(one.trigger.file, one.trigger.line))),
      one.problems.map(problem), drawing(one)));
    document.getElementById("functions").replaceChildren(...(cards.length ? cards : [el("p", { class: "soft" }, "The app has no function.")]));
    const rest = app.problems.filter((p) => !app.functions.some((one) => one.name === p.function));
    document.getElementById("app-problems").replaceChildren(...rest.map(problem));
  }

  // --- hubs --------------------------------------------------------------------------------------

  function hubCard(name, hub) {
    const { connections, users, groups } = hub.counts;
    return el("article", { class: "panel hub-card", "aria-label": `hub ${name}` },
      el("div", { class: "head" }, el("h3", {}, `hub ${name}`),
        el("span", { class: "soft" }, [plural(connections, "connection"), plural(users, "user"), plural(groups, "group")].join(", "))),
      table(`Connections of ${name}`, ["connection", "user", "groups", "transport"], hub.connections.map((one) =>
        [code(one.id), one.userId ? one.userId : el("span", { class: "soft" }, "none"), one.groups.join(", "), `${one.transport || ""}, ${one.protocol}`])),
      table(`Users of ${name}`, ["user", "connections"], Object.entries(hub.users).map(([user, count]) => [user, String(count)])),
      table(`Groups of ${name}`, ["group", "connections"], Object.entries(hub.groups).map(([group, count]) => [group, String(count)])),
      table(`Remembered users of ${name}`, ["user", "joins on the next connection"],
        Object.entries(hub.remembered).map(([user, joins]) => [user, joins.join(", ")])));
  }

  function hubs(state) {
    const names = Object.entries(state.hubs);
    const none = state.local ? "Nobody has connected yet."
      : "This app uses a SignalR service elsewhere, which does not tell who is connected.";
    document.getElementById("hubs").replaceChildren(...(names.length ? names.map(([name, hub]) => hubCard(name, hub))
      : [el("p", { class: "panel soft" }, none)]));
    document.getElementById("service-log").replaceChildren(table("The service's log", ["what", "hub", "user", "why", "at"], state.log.map((line) =>
      [line.text, line.hub || "", line.user || "", line.why, line.at.slice(11, 19)])) || el("p", { class: "soft" }, "Nothing yet."));
  }

  // --- forms -------------------------------------------------------------------------------------

  let ids = 0;
  function field(label, control, kind) {
    ids += 1;
    control.id = control.id || `field-${ids}`;
    return el("div", { class: kind || "grow" }, el("label", { for: control.id }, label), control);
  }

  const input = (name, attributes) => el("input", { name, autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...attributes });
  const select = (name, options) => el("select", { name }, options.map(([key, text]) => el("option", { value: key }, text)));

  function verdict(told) {
    const one = told.delivery;
    const isSend = Boolean(one.target);
    const text = !isSend ? `The service answered ${told.call.status}.`
      : one.delivered === null ? `The service answered ${told.call.status}; it does not tell who got it.`
        : one.delivered ? `${plural(one.delivered, "connection")} got it.` : "Nobody got it.";
    return el("div", { class: isSend && one.delivered === 0 ? "hint" : "" }, el("p", {}, text, one.why ? ` ${one.why}.` : ""),
      el("details", { class: "rules" }, el("summary", {}, "the request"), el("pre", {}, told.call.curl)));
  }

  function act(form, path, body, said) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        said.replaceChildren(verdict(await Page.post(path, body(new FormData(form)))));
      } catch (error) {
        said.replaceChildren(el("p", { class: "problem" }, error.message));
      }
    });
  }

  function json(text, what) {
    try { return JSON.parse(text); } catch { throw new Error(`${what} is not JSON`); }
  }

  function forms() {
    const send = document.getElementById("send");
    const to = select("to", [["all", "everybody"], ["user", "a user"], ["group", "a group"], ["connection", "a connection"]]);
    const name = field("Which", input("name", {}), "fixed");
    name.hidden = true;
    to.addEventListener("change", () => { name.hidden = to.value === "all"; });
    const sent = el("div", { role: "status" });
    send.replaceChildren(
      el("div", { class: "row" }, field("Hub", input("hub", { required: true, list: "hub-names" }), "fixed"), field("To", to, "fixed"), name),
      el("div", { class: "row" }, field("Target", input("target", { required: true, list: "targets", value: "newMessage" }), "fixed"),
        field("Arguments, a JSON array", input("arguments", { value: "[\"hello\"]" }))),
      el("div", { class: "actions" }, el("button", { class: "main" }, "Send")), sent);
    act(send, "send", (data) => ({ hub: data.get("hub"), to: data.get("to"), name: data.get("name"), target: data.get("target"),
      arguments: json(data.get("arguments"), "the list of arguments") }), sent);

    const group = document.getElementById("group");
    const done = el("div", { role: "status" });
    group.replaceChildren(
      el("div", { class: "row" }, field("Hub", input("hub", { required: true, list: "hub-names" }), "fixed"),
        field("Action", select("action", [["add", "add"], ["remove", "remove"]]), "fixed"),
        field("User", input("user", { required: true }), "fixed"), field("Group", input("group", { required: true }), "fixed")),
      el("div", { class: "actions" }, el("button", {}, "Do it")), done);
    act(group, "group", (data) => Object.fromEntries(data), done);
    document.body.append(el("datalist", { id: "hub-names" }), el("datalist", { id: "targets" }), el("datalist", { id: "paths" }));
  }

  function lists(app) {
    const options = (id, names) => document.getElementById(id).replaceChildren(...[...new Set(names)].map((one) => el("option", { value: one })));
    options("hub-names", app.hubs);
    options("targets", app.listeners.map((one) => one.target));
    options("paths", app.functions.filter((one) => one.path).map((one) => one.path));
    options("personas", app.personas);
    for (const form of ["send", "group"]) {
      const hub = document.getElementById(form).elements.hub;
      if (!hub.value && app.hubs.length) [hub.value] = app.hubs;
    }
  }

  return { functions, hubs, forms, lists, field, input, select, json, verdict, value };
})();
