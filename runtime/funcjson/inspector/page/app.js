"use strict";
// The page itself: asks the host, follows its changes, and shows one of four views.
const Page = (() => {
  let token = document.querySelector('meta[name="inspector"]').content;

  async function answer(response) {
    const content = await response.json().catch(() => ({ error: `the host answered ${response.status}` }));
    if (!response.ok) throw new Error(content.error || `the host answered ${response.status}`);
    return content;
  }

  // A host that was started anew has another token; its own page tells it.
  async function renew() {
    const made = new DOMParser().parseFromString(await (await fetch("./")).text(), "text/html");
    token = made.querySelector('meta[name="inspector"]').content;
  }

  // The newest line of Activity that tells of something, as a link.
  async function lineAbout(text) {
    const rows = await Page.get("activity").catch(() => []);
    const found = rows.find((row) => row.what.toLowerCase().endsWith(text.toLowerCase()));
    if (!found) return "";
    const key = encodeURIComponent(found.id || `${found.kind}-${found.at}`);
    return Steps.el("p", {}, Steps.el("a", { href: `#/activity/${key}` }, "Why: see this call, step by step"));
  }

  return {
    renew, lineAbout,
    get: async (path) => answer(await fetch(`api/${path}`)),
    post: async (path, body) => {
      const told = await answer(await fetch(`api/${path}`, {
        method: "POST", headers: { "Content-Type": "application/json", "x-funcjson-inspector": token }, body: JSON.stringify(body),
      }));
      dispatchEvent(new Event(`did-${path}`));
      return told;
    },
  };
})();

const App = (() => {
  const { el, tag } = Steps;
  const { field, input } = Views;
  const $ = (id) => document.getElementById(id);
  let rows = [];
  let shownId = null;
  let shownRunning = false;

  // --- activity ----------------------------------------------------------------------------------

  function badge(row) {
    if (row.kind === "invocation") {
      if (row.outcome === "failed") return tag("bad", row.codes[0] ? `failed ${row.codes[0]}` : "failed");
      if (row.outcome === "running") return tag("", "running");
      if (row.nobody) return tag("warn", "nobody got it");
      if (row.unbound) return tag("warn", "no such output");
      if (row.unheard) return tag("warn", "nobody listens");
      if (row.remarked) return tag("warn", "look here");
      if (row.status >= 400) return tag("warn", `answered ${row.status}`);
      if (row.sends && row.delivered !== null) return tag("good", `${row.delivered} got it`);
      return tag("good", "done");
    }
    if (row.outcome === "connected") return tag("good", "connected");
    if (row.outcome === "ended") return tag("", "ended");
    return tag("warn", row.outcome === "cors" ? "CORS" : row.outcome);
  }

  const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
  const keyOf = (row) => row.id || `${row.kind}-${row.at}`;

  function list() {
    const wanted = $("find").value.trim().toLowerCase();
    const textOf = (row) => [row.title, row.what, row.why || "", ...(row.codes || []), row.outcome].join(" ").toLowerCase();
    const fits = rows.filter((row) => !wanted || textOf(row).includes(wanted));
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    const stays = anchor();
    const line = (row) => el("li", { class: row.kind === "invocation" ? "" : "quiet" },
      el("a", { href: `#/activity/${encodeURIComponent(keyOf(row))}`, "data-key": keyOf(row), "aria-current": keyOf(row) === shownId ? "true" : null },
        el("span", { class: "title" }, row.title), badge(row), el("span", { class: "what" }, row.what), el("time", {}, clock(row.at))));
    const none = rows.length ? "Nothing fits." : "Nothing yet. Call a function, or be a client under Clients.";
    $("activity").replaceChildren(...(fits.length ? fits.map(line) : [el("li", { class: "empty" }, none)]));
    const again = focused && rowOf(focused);
    if (again) again.focus({ preventScroll: true });
    oneStop(again || rowOf(shownId));
    stays();
  }

  const links = () => [...$("activity").querySelectorAll("a")];
  const rowOf = (key) => links().find((one) => one.dataset.key === key) || null;

  // What somebody reads stays where it is when lines come in above it; at the top, the newest are what is read.
  function anchor() {
    const box = $("activity");
    const scrolls = box.scrollHeight > box.clientHeight ? box : document.scrollingElement;
    const top = scrolls === box ? box.getBoundingClientRect().top : 0;
    const first = scrolls.scrollTop > 0 ? links().find((one) => one.getBoundingClientRect().bottom > top) : null;
    const was = first && first.getBoundingClientRect().top;
    return () => {
      const now = first && rowOf(first.dataset.key);
      if (now) scrolls.scrollTop += now.getBoundingClientRect().top - was;
    };
  }

  // The list is one stop of the Tab key; arrows go through its lines.
  function oneStop(chosen) {
    links().forEach((one, at) => { one.tabIndex = one === chosen || (!chosen && at === 0) ? 0 : -1; });
  }

  $("activity").addEventListener("keydown", (event) => {
    const all = links();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    event.preventDefault();
    oneStop(all[to]);
    all[to].focus();
  });

  async function refresh() {
    rows = await Page.get("activity");
    list();
    if (shownRunning && shownId) await detail(shownId);
    if (!shownId) placeholder();
  }

  function placeholder() {
    $("detail").replaceChildren(el("p", { class: "soft" },
      rows.length ? "Choose a line to see what each step did." : "Each invocation is shown here in nine steps."));
  }

  const back = () => el("a", { class: "back", href: "#/activity" }, "← Back to the list");

  async function detail(id) {
    shownId = id;
    $("split").toggleAttribute("data-chosen", Boolean(id));
    list();
    if (!id) return placeholder();
    let row = rows.find((one) => keyOf(one) === id);
    if (!row) {
      // A link may be quicker than the list.
      rows = await Page.get("activity").catch(() => rows);
      list();
      row = rows.find((one) => keyOf(one) === id);
    }
    if (row && row.kind !== "invocation") {
      shownRunning = false;
      return $("detail").replaceChildren(back(), el("div", { class: "head" }, el("h2", {}, row.title), badge(row)),
        el("p", { class: "verdict" }, row.what), row.why ? el("div", { class: "hint" }, Steps.linked(row.why)) : "");
    }
    try {
      const trace = await Page.get(`invocations/${encodeURIComponent(id)}`);
      if (shownId !== id) return undefined;
      shownRunning = trace.outcome === "running";
      showTrace(trace);
    } catch (error) {
      $("detail").replaceChildren(back(), el("p", { class: "soft" }, error.message));
    }
    return undefined;
  }

  function showTrace(trace) {
    const extra = [];
    const place = el("div", {});
    if (trace.event) {
      const button = el("button", { type: "button", "aria-expanded": "false" }, "What if …");
      button.addEventListener("click", () => {
        const opens = !place.childNodes.length;
        place.replaceChildren(...(opens ? [whatIf(trace)] : []));
        button.setAttribute("aria-expanded", String(opens));
        if (opens) place.querySelector("input, textarea, select").focus();
      });
      extra.push(button);
    }
    if (trace.id) extra.push(el("a", { href: `api/invocations/${encodeURIComponent(trace.id)}/capsule`, download: "" }, "Save as one file"));
    Steps.show($("detail"), trace, extra);
    $("detail").prepend(back());
    $("detail").querySelector(".after-actions").append(place);
  }

  // --- what if -----------------------------------------------------------------------------------

  function whatIf(trace) {
    const [arrived] = trace.steps;
    const said = el("div", { class: "tried", "aria-live": "polite" });
    const form = el("form", { class: "panel form", "aria-label": "What if" },
      el("p", { class: "note" }, "Steps 1 to 5 run again with these values. The handler is not called, nothing is sent."));
    let body;
    if (trace.event === "http") {
      const asked = arrived.request;
      const text = asked.body === null ? "" : typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body, null, 2);
      const headers = el("div", { class: "form" });
      const add = (name, content) => headers.append(el("div", { class: "row" },
        field("Header", input("header", { value: name }), "fixed"),
        field("Value", input("value", { value: content })),
        el("button", { type: "button", "aria-label": `Remove ${name || "header"}`, onclick: (event) => event.target.closest(".row").remove() }, "Remove")));
      asked.headers.forEach((one) => add(one.name, one.value));
      form.append(
        el("div", { class: "row" },
          field("Method", input("method", { value: asked.method }), "fixed"),
          field("Path and query", input("path", { value: asked.url.replace(/^https?:\/\/[^/]*/, "") })),
          field("As persona", input("persona", { list: "personas", placeholder: "as it was" }), "fixed")),
        el("details", {}, el("summary", {}, `Headers (${asked.headers.length})`), headers,
          el("button", { type: "button", onclick: () => add("", "") }, "Add a header")),
        field("Body", el("textarea", { name: "body", rows: String(Math.min(8, text.split("\n").length + 1)), spellcheck: "false" }, text)));
      body = () => ({
        id: trace.id, method: form.elements.method.value, path: form.elements.path.value, persona: form.elements.persona.value,
        body: form.elements.body.value === text ? null : form.elements.body.value,
        headers: [...headers.querySelectorAll(".row")]
          .map((row) => [row.querySelector('[name="header"]').value, row.querySelector('[name="value"]').value])
          .filter(([name]) => name.trim()),
      });
    } else {
      form.append(field("The event, as JSON", el("textarea", { name: "event", rows: "8", spellcheck: "false" }, JSON.stringify(arrived.payload, null, 2))));
      body = () => ({ id: trace.id, event: form.elements.event.value });
    }
    form.append(el("div", { class: "actions" }, el("button", { class: "main" }, "Try")), said);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const tried = el("div", {});
        const result = await Page.post("what-if", body());
        Steps.show(tried, result);
        tried.querySelectorAll(".steps > li").forEach((one) => { if (Number(one.dataset.step) > 5) one.remove(); });
        tried.querySelector("h2").textContent = "If it had been so";
        said.replaceChildren(changes(trace, result), tried);
      } catch (error) {
        said.replaceChildren(el("p", { class: "hint" }, error.message));
      }
    });
    return form;
  }

  // What became of each property and argument: the point of trying.
  function changes(before, after) {
    const facts = (trace) => {
      const found = new Map([["function", trace.function || "none"]]);
      for (const one of trace.steps[3].bindings) {
        for (const p of one.properties) found.set(`${one.binding}.${p.name}`, p.error ? "no value" : p.value);
      }
      for (const name of trace.steps[2].names) {
        if (name.note || /^headers\.|^sys\./.test(name.name)) continue;
        found.set(`{${name.name}}`, typeof name.value === "string" ? name.value : JSON.stringify(name.value));
      }
      for (const one of trace.steps[4].inputs) {
        for (const claim of one.tokens.flatMap((token) => token.claims || [])) {
          if (!["iat", "nbf", "exp"].includes(claim.claim)) found.set(`${one.name}: claim ${claim.claim}`, String(claim.value));
        }
      }
      return found;
    };
    const [was, now] = [facts(before), facts(after)];
    const rows = [...new Set([...was.keys(), ...now.keys()])].filter((name) => was.get(name) !== now.get(name))
      .map((name) => [name, was.has(name) ? Steps.value(was.get(name)) : "not there", now.has(name) ? Steps.value(now.get(name)) : "not there"]);
    return rows.length ? Steps.table("What changed", ["what changed", "before", "now"], rows) : el("p", {}, "Nothing changes in steps 2 to 5.");
  }

  // --- who this browser is -----------------------------------------------------------------------

  let typed = false; // a name that somebody is typing is not replaced
  $("persona").addEventListener("input", () => { typed = true; });

  async function me() {
    const answer = await fetch("/.auth/me?shape=swa"); // this shape is 200 also for nobody
    const told = answer.ok ? await answer.json() : {};
    if (!typed) $("persona").value = (told.clientPrincipal || {}).userDetails || "";
  }

  async function say(text) {
    $("said").textContent = text;
    $("said").hidden = false;
    setTimeout(() => { $("said").hidden = true; }, 6000);
  }

  $("who").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = $("persona").value.trim();
    typed = false;
    if (name) {
      const body = JSON.stringify({ persona: name });
      const answer = await fetch("/.auth/login/aad", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      say(answer.ok ? `This browser is signed in as ${name}: pages of this host see it.` : "That did not work.");
    } else {
      await fetch("/.auth/logout", { redirect: "manual" });
      say("This browser is signed out.");
    }
    me();
  });

  // --- views and changes -------------------------------------------------------------------------

  // An address that somebody typed may hold a % that encodes nothing.
  function decoded(id) {
    try { return decodeURIComponent(id); } catch { return id; }
  }

  const VIEWS = ["activity", "functions", "hubs", "clients"];

  function route() {
    const [view, id] = location.hash.replace(/^#\/?/, "").split("/");
    const chosen = VIEWS.includes(view) ? view : "activity";
    const left = shownId;
    if ($(`view-${chosen}`).hidden) scrollTo(0, 0);
    for (const name of VIEWS) $(`view-${name}`).hidden = name !== chosen;
    document.querySelectorAll("nav a").forEach((link) => {
      if (link.hash === `#/${chosen}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    document.title = `${chosen[0].toUpperCase()}${chosen.slice(1)} · funcjson`;
    if (chosen === "activity") {
      const wanted = id ? decoded(id) : null;
      if (wanted !== shownId || !wanted) detail(wanted).then(() => {
        if (getComputedStyle($("split")).gridTemplateColumns.split(" ").length > 1) return;
        if (wanted) { scrollTo(0, 0); $("detail").focus(); } else if (left && rowOf(left)) rowOf(left).focus();
      });
    }
  }

  const LOADERS = {
    app: async () => {
      const app = await Page.get("app");
      $("app-name").textContent = app.name;
      Views.functions(app);
      Views.lists(app);
      Panes.fill(app);
    },
    activity: refresh,
    hubs: async () => Views.hubs(await Page.get("hubs")),
  };

  function follow() {
    const source = new EventSource("api/events");
    source.onopen = () => {
      if (!$("lost").hidden) Page.renew().catch(() => {});
      $("lost").hidden = true;
    };
    source.onmessage = (event) => {
      for (const name of JSON.parse(event.data)) LOADERS[name]().catch(() => {});
    };
    source.onerror = () => { $("lost").hidden = false; };
  }

  async function start() {
    Steps.useSource((file, line) => Page.get(`source?file=${encodeURIComponent(file)}&line=${line}`));
    Views.forms();
    Panes.start();
    $("find").addEventListener("input", list);
    document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
    addEventListener("hashchange", route);
    addEventListener("did-group", LOADERS.hubs);
    await refresh().catch(() => {});
    route();
    me();
    follow();
  }

  start();
})();
