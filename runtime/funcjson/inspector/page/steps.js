"use strict";
// Draws the nine steps of a trace document. Stands alone: trace capsules carry it with them.
const Steps = (() => {
  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else node.setAttribute(name, value);
    }
    for (const child of children.flat(3)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child.nodeType ? child : String(child));
    }
    return node;
  }

  const code = (text) => el("code", {}, text);
  const tag = (kind, text) => el("span", { class: `tag ${kind}` }, text);
  const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;
  const heading = (text) => el("h4", {}, text);

  function value(content) {
    if (content === null || content === undefined) return el("span", { class: "soft" }, "nothing");
    if (typeof content === "string") {
      if (content === "") return el("span", { class: "soft" }, "empty");
      return content.includes("\n") || content.length > 200 ? el("pre", {}, content) : code(content);
    }
    if (typeof content === "object") {
      const short = JSON.stringify(content);
      return short.length <= 60 ? code(short) : el("pre", {}, JSON.stringify(content, null, 2));
    }
    return code(String(content));
  }

  function table(label, columns, rows) {
    if (!rows.length) return null;
    return el("div", { class: "scroll", role: "region", "aria-label": label },
      el("table", {},
        el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) =>
          at === 0 ? el("th", { scope: "row" }, cell) : el("td", {}, cell)))))));
  }

  const both = (into, out) => el("div", { class: "both" },
    el("div", {}, heading("In"), into), el("div", {}, heading("Out"), out));

  // --- places in files ---------------------------------------------------------------------------

  let loadSource = null; // (file, line) -> Promise; a capsule has none

  function place(file, line) {
    if (!file) return null;
    const text = line ? `${file}:${line}` : file;
    if (!loadSource || !line) return code(text);
    const shown = el("div", { class: "source", hidden: true });
    const button = el("button", { class: "plain mono", type: "button", "aria-expanded": "false" }, text);
    button.addEventListener("click", async () => {
      const opens = shown.hidden;
      if (opens) shown.replaceChildren(await excerpt(file, line));
      shown.hidden = !opens;
      button.setAttribute("aria-expanded", String(opens));
    });
    return el("div", {}, button, shown);
  }

  async function excerpt(file, line) {
    try {
      const found = await loadSource(file, line);
      return el("pre", { tabindex: "0", "aria-label": `${file}, around line ${line}` },
        found.lines.map((text, at) => el("span", { class: found.first + at === line ? "line at" : "line" },
          el("span", {}, String(found.first + at)), el("span", {}, text || " "))));
    } catch (error) {
      return el("p", { class: "note" }, error.message);
    }
  }

  const placeOf = (text) => {
    const found = /^(.+?):(\d+)(?::\d+)?(?:\s|$)/.exec(text || "");
    return found ? place(found[1], Number(found[2])) : code(text || "");
  };

  const PLACE = /(?:[\w@.-]+\/)*[\w@.-]+\.(?:json|py|js|mjs|cjs|jsx|ts|tsx|html?|vue|svelte):(\d+)(?::\d+)?/g;

  /** A text whose file:line open the file's lines. */
  function linked(text) {
    const pieces = [], below = [];
    let done = 0;
    for (const found of (text || "").matchAll(PLACE)) {
      const shown = place(found[0].replace(/:.*$/, ""), Number(found[1]));
      pieces.push(text.slice(done, found.index));
      done = found.index + found[0].length;
      // The button stands in the sentence, what it opens below it.
      if (shown.nodeName === "DIV") { pieces.push(shown.firstChild); below.push(shown.lastChild); } else pieces.push(shown);
    }
    return [...pieces, (text || "").slice(done), ...below];
  }

  function problem(one) {
    const rows = [["at", one.file ? [place(one.file, one.line), " ", one.pointer ? el("small", { class: "soft" }, one.pointer) : null] : null],
      ["why", one.why && linked(one.why)], ["fix", one.fix], ["on Azure", one.azure]];
    return el("div", { class: one.severity === "error" || !one.severity ? "problem" : "problem mild" },
      el("p", {}, el("strong", {}, one.what), " ", el("span", { class: "soft" }, one.code)),
      el("dl", {}, rows.filter(([, text]) => text).map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])));
  }

  function rules(list) {
    if (!list || !list.length) return null;
    const differing = list.filter((rule) => !rule.same).length;
    const same = list.length - differing;
    const said = [same ? `${same} same as Azure` : "", differing ? `${plural(differing, "differs here", "differ here")}` : ""];
    return el("details", { class: "rules" },
      el("summary", {}, `Rules: ${said.filter(Boolean).join(", ")}`),
      el("ul", {}, list.map((rule) => el("li", {},
        tag(rule.same ? "good" : "warn", rule.label),
        el("div", {}, rule.text, el("br"), el("small", { class: "soft" }, rule.same ? `source: ${rule.because}` : `reason: ${rule.because}`))))));
  }

  // --- one step ----------------------------------------------------------------------------------

  const headersOf = (list) => table("Headers", ["header", "value"], list.map((one) => [one.name, value(one.value)]));

  // A body in pieces: how much came, and whether more will.
  const STATES = { running: "so far", whole: "in all", "broken off": "until it was broken off", "left unread": "and the rest was left unread" };
  const passed = (streamed) => streamed ? el("p", { class: "soft" }, `in pieces: ${streamed.bytes} bytes ${STATES[streamed.state]}`) : null;

  function request(asked) {
    return [el("p", {}, code(`${asked.method} ${asked.url}`)),
      asked.body === null ? null : [heading("Body"), value(asked.body)],
      passed(asked.streamed),
      el("details", { class: "rules" }, el("summary", {}, plural(asked.headers.length, "header")), headersOf(asked.headers))];
  }

  const message = (item) => item.kind === "message"
    ? [code(item.target), " to ", item.to === "all" ? "all" : `${item.to} `, item.name ? code(item.name) : null]
    : item.kind === "group action"
      ? [`${item.action} ${item.to} `, code(item.name), " · group ", code(item.group), item.idle ? ` (${item.idle})` : null]
      : [value(item.value)];

  /** A URL from its path on. */
  const pathOf = (url) => url.replace(/^https?:\/\/[^/]*/, "");

  /** Hub, category and event of what the SignalR service told. */
  function eventOf(step) {
    const told = step.payload;
    return told && told.Hub && told.Event ? `hub ${told.Hub} · ${told.Category} · ${told.Event}` : "";
  }

  function rejected(trace, rows) {
    const [first] = trace.steps;
    const arrived = first.request ? `${first.request.method} ${pathOf(first.request.url).replace(/\?.*$/, "")}`
      : eventOf(first) || first.kind || "";
    const listed = table("Rejected", ["not this one", "route", "because"], rows.map((row) => [row.function, code(row.route), linked(row.why)]));
    return [el("p", {}, code(arrived)), !listed ? null : step2IsOpen(trace) ? listed
      : el("details", { class: "rules" }, el("summary", {}, `${plural(rows.length, "function")} not chosen`), listed)];
  }

  const step2IsOpen = (trace) => trace.steps[1].state === "failed";

  /** What the handler's return value is to the client whose message it handled. */
  const completion = (row) => [
    el("p", {}, row.waits ? "The client that called " : "Nobody waits. A client that calls ", code("invoke"), row.waits ? " got " : " would get ",
      row.error === null ? tag("good", "the result") : tag("bad", "an error")),
    value(row.error === null ? row.result : row.error)];

  const CONTENT = {
    1: (step) => both(
      step.request ? request(step.request) : value(step.payload),
      [el("p", {}, step.kind ? ["an event of type ", code(step.kind)] : "nothing"),
        eventOf(step) ? el("p", {}, eventOf(step)) : null,
        step.cors ? el("p", {}, "A page of ", code(step.cors.origin), step.cors.allowed ? " may read the answer." : " may not read the answer.") : null]),
    2: (step, trace) => [heading("In"), rejected(trace, step.rejected || []), heading("Out"),
      step.function ? [el("p", {}, code(step.function), " in ", code(step.handler || "")),
        table("Bindings", ["binding", "type", "direction", "declared"], (step.bindings || []).map((one) =>
          [one.name, one.type, one.direction, placeOf(one.declared)]))] : el("p", {}, "no function")],
    3: (step) => [heading("In"), el("p", {}, "The headers, the query, the route and the body of the event."), heading("Out"),
      table("Names", ["name", "value", "comes from"], step.names.map((row) =>
        [code(`{${row.name}}`),
          [row.value === null && row.note ? null : value(row.value), row.note ? el("div", { class: "note" }, row.note) : null],
          row.from]))
        || el("p", {}, "no names")],
    4: (step) => step.bindings.length ? step.bindings.map((one) => [
      el("h4", {}, `${one.binding} · ${one.type} · ${one.when}`),
      table(`Expressions of ${one.binding}`, ["property", "written", "step by step", "value"], one.properties.map((p) => [
        p.name, code(p.written),
        el("div", { class: "tokens" }, p.tokens.map((t) => el("span", { class: t.value === null ? "token missing" : "token", title: t.source || "" },
          code(t.text), t.kind === "text" ? null : [" → ", t.value === null ? "no value" : t.value === "" ? "empty" : code(t.value)]))),
        p.error ? [tag("bad", "fails"), step.problems.length ? null : el("div", { class: "note" }, p.error.what)] : value(p.value)]))])
      : el("p", {}, "No property of this function has an expression."),
    5: (step) => step.inputs.length ? step.inputs.map((one) => [
      el("h4", {}, `${one.name} · ${one.type || ""}`),
      one.tokens.length ? null : value(one.value),
      one.tokens.map((token) => token.readable
        ? table(`Claims of ${one.name}`, ["claim in the token", "value", "means", "comes from"],
          token.claims.map((c) => [c.claim, value(c.value), c.means, c.from]))
        : el("p", {}, `a token of ${token.characters} characters that cannot be read`))]) : el("p", {}, "The handler got nothing."),
    6: (step) => both(
      el("p", {}, step.arguments.length ? step.arguments.map((name, at) => [at ? ", " : "", code(name)]) : "not called"),
      [step.durationMs === undefined || step.durationMs === null ? null : el("p", {}, `ran ${step.durationMs} ms`),
        table("Log lines", ["at", "level", "text"], step.lines.map((line) => [`${line.atMs} ms`, line.level, value(line.text)]))]),
    7: (step) => [heading("In"), [table("Outputs", ["output", "type", "set by", "value"], step.outputs.map((one) =>
        [one.name, one.type, one.by, one.by === "not set" ? "" : value(one.value)])),
        (step.declared || []).length ? table("Declared outputs", ["output", "type", "properties"],
          step.declared.map((one) => [one.name, one.type, value(one.properties)])) : null],
      heading("Out"), [step.outputs.flatMap((one) => one.items).length
        ? el("ul", {}, step.outputs.map((one) => one.items.map((item) => el("li", {}, `${one.name}: `, message(item))))) : el("p", {}, "nothing to send"),
        step.unbound.map((one) => el("div", { class: "hint" }, "No output binding is called ", code(one.name), ", so its value goes nowhere.",
          one.meant ? [" Did you mean ", code(one.meant), "?"]
            : one.declared.length ? ` The outputs are: ${one.declared.join(", ")}.` : " The function has no output.",
          one.at ? [" It is given at ", linked(one.at)] : null, " Outputs are declared at ", linked(one.declaredAt)))]],
    8: (step) => both(
      step.calls.length ? step.calls.map((call) => call.status === null
        ? el("p", {}, call.output, ": ", message(call.item), " was not sent")
        : [el("p", {}, tag(call.status < 300 ? "good" : "bad", String(call.status)), " ", code(`${call.method} ${call.url}`)),
          call.body === null ? null : value(call.body),
          el("details", { class: "rules" }, el("summary", {}, "as curl"), el("pre", {}, call.curl))]) : el("p", {}, "No request to the service."),
      step.answer ? [el("p", {}, "The caller got ", tag(step.answer.status < 400 ? "good" : "bad", String(step.answer.status))),
        step.answer.body === null ? el("p", { class: "soft" }, "an empty body") : value(step.answer.body),
        passed(step.answer.streamed),
        step.answer.headers.length ? el("details", { class: "rules" },
          el("summary", {}, plural(step.answer.headers.length, "header")), headersOf(step.answer.headers)) : null]
        : step.completion ? completion(step.completion) : el("p", {}, "Nobody waits for an answer.")),
    9: (step) => [table("Deliveries", ["for", "hub", "target", "reached", "why"], step.deliveries.map((one) => [
      [one.to === "all" ? "all" : `${one.to} `, one.name ? code(one.name) : null], code(one.hub), one.target ? code(one.target) : "",
      [reached(one), (one.got || []).length ? el("div", {}, names(one)) : null], one.why])) || el("p", {}, "Nothing was sent, so nobody got anything."),
      heardBy(step.deliveries),
      step.deliveries.map((one) => missed(one, step.deliveries.length > 1)),
      (step.clients || []).map((client) => [heading(`Client ${client.client}`), value(client.messages)])],
  };

  const reached = (one) => one.action ? one.action
    : one.delivered === null ? "the service does not tell"
      : tag(one.delivered ? "good" : "bad", one.delivered ? plural(one.delivered, "connection") : "nobody");

  // Who they are: the user where there is one, and the connection.
  const connection = (one) => el("span", {},
    one.user ? code(one.user) : el("span", { class: "soft" }, "no user"), " ", el("small", { class: "soft" }, one.connection));
  const names = (one) => [one.got.map((each, at) => [at ? ", " : "", connection(each)]),
    one.delivered > one.got.length ? ` and ${one.delivered - one.got.length} more` : null];

  function heardBy(deliveries) {
    const targets = [...new Set(deliveries.filter((one) => one.target && one.delivered).map((one) => one.target))];
    return targets.length ? el("p", { class: "soft" }, "A client shows a message only if it has a handler for exactly ",
      targets.map((one, at) => [at ? ", " : "", code(one)]), ".") : null;
  }

  /** Whoever was there and did not get a message, each with the reason. */
  function missed(one, several) {
    if (!(one.missed || []).length) return null;
    const listed = table("Did not get it", ["did not get it", "because"], one.missed.map((each) => [connection(each), each.why]));
    return el("details", { class: "rules", open: one.delivered === 0 },
      el("summary", {}, `${plural(one.missed.length, "connection")} did not get ${several ? `'${one.target}'` : "it"}`), listed);
  }

  const GIST = {
    1: (s) => s.request ? `${s.request.method} ${pathOf(s.request.url)}` : eventOf(s) || s.kind || "",
    2: (s) => s.function || "none",
    3: (s) => plural(s.names.length, "name"),
    4: (s) => {
      const all = s.bindings.flatMap((b) => b.properties).filter((p) => !p.constant);
      const failing = all.filter((p) => p.error);
      if (failing.length) return `${failing[0].name} has no value`;
      return all.map((p) => `${p.name} = ${p.value === "" ? "empty" : p.value}`).join(", ") || "no expressions";
    },
    5: (s) => s.inputs.map((one) => one.name).join(", "),
    6: (s) => [s.durationMs === undefined || s.durationMs === null ? "" : `${s.durationMs} ms`,
      s.lines.length ? plural(s.lines.length, "log line") : ""].filter(Boolean).join(", "),
    7: (s) => [s.outputs.filter((o) => o.by !== "not set").map((o) => o.name).join(", "),
      s.unbound.length ? `${s.unbound.map((o) => o.name).join(", ")}: no such binding` : ""].filter(Boolean).join("; ") || "nothing set",
    8: (s) => [s.calls.length ? plural(s.calls.length, "request") : "",
      s.answer ? `answered ${s.answer.status}` : "",
      s.completion && s.completion.waits ? (s.completion.error === null ? "answered invoke" : "invoke failed") : "",
    ].filter(Boolean).join(", "),
    9: (s) => {
      const sends = s.deliveries.filter((d) => d.target);
      const nobody = sends.filter((d) => d.delivered === 0);
      if (!s.deliveries.length) return "";
      if (nobody.length) return nobody.length === 1 && sends.length === 1 ? "nobody got it" : `nobody got ${nobody.length} of ${sends.length}`;
      if (!sends.length) return plural(s.deliveries.length, "group action");
      return plural(sends.reduce((sum, d) => sum + (d.delivered || 0), 0), "delivery", "deliveries");
    },
  };

  const QUIET = { "not reached": "not reached", "not run": "not run", "nothing to do": "nothing to do" };

  function wantsLook(step) {
    return step.problems.length || step.hints.length || (step.unbound || []).length
      || (step.deliveries || []).some((d) => d.target && d.delivered === 0);
  }

  function draw(step, trace) {
    const looks = wantsLook(step);
    const status = step.state === "failed" ? tag("bad", "failed") : looks && step.state === "done" ? tag("warn", "look here")
      : QUIET[step.state] ? el("span", { class: "soft" }, QUIET[step.state]) : null;
    let gist = "";
    try { gist = step.state === "done" || step.state === "failed" || step.answer ? GIST[step.number](step) : ""; } catch { gist = ""; }
    const inside = el("div", { class: "inside" });
    const details = el("details", { open: step.problems.length > 0 || (Boolean(looks) && (step.number === 9 || (step.unbound || []).length > 0)) },
      el("summary", {}, el("span", { class: "number" }, String(step.number)), el("span", { class: "name" }, step.name),
        el("span", { class: "gist" }, gist), status),
      inside);
    const fill = () => {
      if (inside.childNodes.length) return;
      inside.append(...[step.problems.map(problem), step.hints.map((hint) => el("div", { class: "hint" }, linked(hint))),
        CONTENT[step.number](step, trace), rules(step.rules)].flat(4).filter(Boolean));
    };
    if (looks) fill();
    details.addEventListener("toggle", () => {
      fill();
      // What scrolls sideways must be reachable with the keyboard; nothing else needs a stop.
      details.querySelectorAll(".scroll").forEach((one) => {
        if (one.scrollWidth > one.clientWidth) one.setAttribute("tabindex", "0");
        else one.removeAttribute("tabindex");
      });
    });
    return el("li", { "data-state": step.state, "data-step": step.number }, details);
  }

  /** How many of the messages nobody got, as the end of a sentence. */
  function lost(sends) {
    const nobody = sends.filter((one) => one.delivered === 0).length;
    if (!nobody) return "";
    if (nobody < sends.length) return `, and nobody got ${nobody} of them`;
    return `, nobody got ${sends.length === 1 ? "it" : "them"}`;
  }

  function verdict(trace) {
    const [, , , , , , collected, flushed, delivered] = trace.steps;
    const failed = trace.steps.find((step) => step.state === "failed");
    if (trace.outcome === "running") return "Still running.";
    if (trace.forgotten) return "Its details are no longer kept.";
    if (failed) return `Failed in step ${failed.number}: ${failed.name}.`;
    if (trace.outcome === "explained") return "Steps 1 to 5 go well. The handler was not called.";
    const parts = [];
    if (flushed.answer) parts.push(`Answered ${flushed.answer.status}.`);
    if (flushed.completion && flushed.completion.waits) parts.push("The client that called invoke has its answer.");
    const sends = delivered.deliveries.filter((one) => one.target);
    if (sends.length) {
      parts.push(`${plural(sends.length, "message")} sent${lost(sends)}.`);
    }
    if (collected.unbound.length) parts.push("A value went to a name that no binding has.");
    return parts.join(" ") || "Done.";
  }

  // What deserves a look, each once, before any step is opened.
  function reasons(trace) {
    if (trace.steps.some((step) => step.state === "failed")) return [];
    const found = [];
    for (const step of [...trace.steps].reverse()) {
      for (const one of step.deliveries || []) {
        if (one.target && one.delivered === 0 && one.why) found.push([step.number, one.why]);
      }
      for (const one of step.unbound || []) {
        const given = one.at ? ` (${one.at})` : "";
        const near = one.meant ? `; did you mean '${one.meant}'?` : "";
        found.push([step.number, `no output binding is called '${one.name}'${given}${near}`]);
      }
      for (const hint of step.hints) found.push([step.number, hint]);
    }
    return found.filter(([, text], at) => !found.some(([, other], before) => before !== at && text.includes(other) && (text !== other || before < at)));
  }

  function why(trace, steps) {
    const found = reasons(trace);
    if (!found.length) return null;
    return el("ul", { class: "hint why", "aria-label": "Why" }, found.map(([number, text]) => el("li", {}, linked(`${text[0].toUpperCase()}${text.slice(1)} `),
      el("button", { class: "plain", type: "button", onclick: () => {
        const details = steps.querySelector(`:scope > [data-step="${number}"] > details`);
        details.open = true;
        details.querySelector("summary").focus();
        details.scrollIntoView({ block: "start" });
      } }, `step ${number}`))));
  }

  function show(into, trace, extra) {
    const open = el("button", { type: "button" }, "Open all steps");
    const steps = el("ol", { class: "steps", "aria-label": "The nine steps" }, trace.steps.map((step) => draw(step, trace)));
    open.addEventListener("click", () => {
      const all = [...steps.querySelectorAll(":scope > li > details")];
      const opens = all.some((one) => !one.open);
      all.forEach((one) => { one.open = opens; });
      open.textContent = opens ? "Close all steps" : "Open all steps";
    });
    const failed = trace.outcome === "failed";
    const began = trace.began.replace("T", " ").replace(/\.\d+.*$/, " UTC");
    const lasted = trace.outcome === "explained" ? "" : `${trace.durationMs} ms`;
    into.replaceChildren(...[
      el("div", { class: "head" }, el("h2", {}, trace.function || "No function"),
        trace.outcome === "explained" ? null : tag(failed ? "bad" : trace.outcome === "succeeded" ? "good" : "", trace.outcome),
        el("span", { class: "soft" }, [trace.trigger, began, lasted].filter(Boolean).join(" · "))),
      el("p", { class: "verdict" }, verdict(trace)),
      why(trace, steps),
      el("div", { class: "actions" }, open, extra || null),
      el("div", { class: "after-actions" }),
      steps].filter(Boolean));
  }

  return {
    el, code, tag, table, value, plural, problem, place, linked, show,
    showCapsule: (into, content) => show(into, content.trace),
    useSource: (load) => { loadSource = load; },
  };
})();
