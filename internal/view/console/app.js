"use strict";
// Shows what the server knows of load balancers. Text from the server only ever becomes text nodes, never markup. What is shown is in the
// fragment of the URL, so that each view can be linked to and the browser's way back works.

const HEALTH = 10000; // milliseconds between two looks at the health of targets
const MANY = 12; // targets of a group that are shown one by one

const byId = (id) => document.getElementById(id);

// el makes an element; children may be nodes, text or nothing.
function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== "" && c != null && c !== false));
  return e;
}

const GOOD = new Set(["healthy", "active"]);
const WAIT = new Set(["initial", "provisioning", "draining", "unused", "unhealthy.draining", "unavailable", "not created", "note"]);
const tone = (text) => (GOOD.has(text) ? "good" : WAIT.has(text) ? "wait" : "bad");

// state shows a state by a sign and a word, not by colour alone.
const state = (text, ...more) => el("span", { class: "state " + tone(text) }, text, more);

const plural = (n, what) => `${Number(n).toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
const clock = (t) => new Date(t).toLocaleTimeString([], { hour12: false });
const moment = (t) => new Date(t).toLocaleString([], { hour12: false });

function table(caption, columns, rows) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, columns.map((c) => el("th", { scope: "col" }, c)))),
      el("tbody", {}, rows.map((r) => el("tr", {}, r.map((c) => (c instanceof Node && c.tagName === "TD" ? c : el("td", {}, c))))))));
}

async function read(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [k, v] of Object.entries(parameters)) for (const x of [v].flat()) query.append(k, x);
  const response = await fetch("/api/" + path + (String(query) ? "?" + query : ""), { headers: { Accept: "application/json" } });
  const body = JSON.parse(await response.text(), (_, v) => (v === null ? [] : v)); // Go writes an empty list as null
  if (!response.ok) throw new Error(body.error || response.statusText);
  return body;
}

function problem(text) {
  byId("problem").textContent = text || "";
  byId("problem").hidden = !text;
}

// The list.

let overview = null;
let show = "all";

function matches(lb, words) {
  if (show === "errors" && !lb.errors && !lb.unbuildable) return false;
  if (show === "changes" && !lb.changes) return false;
  return words.every((w) => lb.text.includes(w));
}

function row(lb) {
  const sign = lb.unbuildable || lb.errors ? "bad" : lb.state === "active" && !lb.changes ? "good" : "wait";
  const more = [lb.errors ? plural(lb.errors, "error") : "", lb.changes ? plural(lb.changes, "change") : ""].filter(Boolean).join(", ");
  const a = el("a", { href: "#/lb/" + encodeURIComponent(lb.key), tabindex: -1, "data-key": lb.key },
    el("span", { class: "state " + sign, "aria-hidden": "true" }), el("span", { class: "title", title: lb.title }, lb.title),
    el("span"), el("span", { class: "about" }, [lb.kind, lb.state === "active" ? "" : lb.state, lb.listeners.join(", ")].filter(Boolean).join(" · ")),
    el("span", { class: "more " + (lb.errors ? "bad" : "wait") }, more));
  return el("li", {}, a);
}

function list() {
  const words = byId("filter").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = overview.loadBalancers.filter((lb) => matches(lb, words));
  const focus = document.activeElement.closest?.("#list a")?.dataset.key;
  byId("list").replaceChildren(...chosen.map((lb) => (lb.row ||= row(lb))));
  byId("count").textContent = chosen.length === overview.loadBalancers.length ? plural(chosen.length, "load balancer") : `${chosen.length} of ${plural(overview.loadBalancers.length, "load balancer")}`;
  current();
  if (focus) byId("list").querySelector(`a[data-key="${CSS.escape(focus)}"]`)?.focus();
}

// current marks the load balancer that is shown; the list has one place for the tab key.
function current() {
  const key = route().key;
  let stop = null;
  for (const a of byId("list").querySelectorAll("a")) {
    const is = a.dataset.key === key;
    if (is !== (a.getAttribute("aria-current") === "true")) is ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current");
    a.tabIndex = -1;
    if (is || !stop) stop = a;
  }
  if (stop) stop.tabIndex = 0;
}

byId("list").addEventListener("keydown", (e) => {
  const all = [...byId("list").querySelectorAll("a")];
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: Math.min(at + 10, all.length - 1), PageUp: Math.max(at - 10, 0) }[e.key];
  if (to === undefined || !all[to]) return;
  e.preventDefault();
  all.forEach((a) => (a.tabIndex = -1));
  all[to].tabIndex = 0;
  all[to].focus();
});
byId("filter").addEventListener("input", () => overview && list());
byId("filter").addEventListener("keydown", (e) => {
  if (e.key === "ArrowDown") { e.preventDefault(); byId("list").querySelector("a")?.focus(); }
});
for (const b of document.querySelectorAll("[data-show]")) {
  b.addEventListener("click", () => {
    show = b.dataset.show;
    document.querySelectorAll("[data-show]").forEach((x) => x.setAttribute("aria-pressed", String(x === b)));
    if (overview) list();
  });
}
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && !/^(INPUT|TEXTAREA)$/.test(e.target.tagName) && !byId("side").hidden) { e.preventDefault(); byId("filter").focus(); }
});

// The way of a load balancer, from the object to the pods.

const edge = (targets) => (targets.length === 0 ? "" : targets.every((t) => tone(t.health) === "good") ? " good-edge" : targets.some((t) => tone(t.health) === "bad") ? " bad-edge" : " wait-edge");

function healthBar(targets) {
  const count = { good: 0, wait: 0, bad: 0 };
  for (const t of targets) count[tone(t.health)]++;
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  for (const [k, n] of Object.entries(count)) {
    if (!n) continue;
    const part = el("i", { class: k });
    part.style.flexGrow = n;
    bar.append(part);
  }
  return bar;
}

function healthText(tg) {
  if (!tg.exists) return "not created";
  if (tg.targets.length === 0) return "no targets";
  return `${tg.targets.filter((t) => t.health === "healthy").length} of ${tg.targets.length} healthy`;
}

const localName = (object) => object.replace(/^\w+ (?:[^/]+\/)?/, "");

function target(t) {
  return el("span", { class: "target" }, el("span", { class: "state " + tone(t.health) }, t.object ? localName(t.object) : t.id), " ",
    el("span", { class: "where" }, (t.object ? t.id : "") + (t.port ? ":" + t.port : ""), t.health === "healthy" ? "" : " · " + t.health + (t.reason ? " " + t.reason : "")));
}

// item is one node of the tree, with its name for screen readers and what is told about it when it is chosen.
function item(level, id, kind, name, about, content, children = []) {
  return el("li", { role: "treeitem", "aria-level": level, "aria-label": name, "aria-expanded": children.length ? "true" : null, "aria-selected": "false", tabindex: -1, "data-node": id, about: null },
    Object.assign(el("div", { class: "node " + kind }, content), { about }), children.length ? el("ul", { role: "group" }, children) : null);
}

const fields = (caption, list) => (list.length ? table(caption, ["Setting", "Value", "From"], list.map((f) => [f.name, el("code", {}, f.value), el("span", { class: "none" }, f.source)])) : el("p", { class: "none" }, "Nothing is set."));

function groupItem(d, share, level, prefix) {
  const tg = d.targetGroups.find((x) => x.id === share.targetGroup);
  if (!tg) {
    return item(level, prefix, "group", "target group " + share.targetGroup, () => [el("h3", {}, "Target group of others"), el("p", {}, el("code", {}, share.targetGroup))],
      [el("strong", {}, share.targetGroup), el("small", {}, "not of this load balancer"), share.percent ? el("span", { class: "badge" }, share.percent) : ""]);
  }
  const targets = [...tg.targets].sort((a, b) => ["bad", "wait", "good"].indexOf(tone(a.health)) - ["bad", "wait", "good"].indexOf(tone(b.health)));
  const backend = tg.backend.match(/^Service (\S+) port (\S+)$/);
  const about = () => [el("h3", {}, "Target group " + tg.name), targets.length > 0 ? table("Targets", ["Target", "Pod or node", "Health", "Reason"],
    targets.map((t) => [el("code", {}, t.id + (t.port ? ":" + t.port : "")), t.object || "", state(t.health), t.reason || ""])) : el("p", { class: "none" }, healthText(tg)), fields("Settings of the target group", tg.fields)];
  const children = targets.length === 0 ? [] : [item(level + 1, prefix + "/targets", "targets" + edge(targets), `targets of ${tg.name}: ${healthText(tg)}`, about,
    [targets.slice(0, MANY).map(target), targets.length > MANY ? el("small", {}, `and ${targets.length - MANY} more`) : ""])];
  return item(level, prefix, "group" + edge(targets), `target group ${tg.name}, ${tg.backend}, ${healthText(tg)}${share.percent ? ", " + share.percent + " of requests" : ""}`, about, [
    el("div", { class: "row" }, el("strong", {}, backend ? localName("Service " + backend[1]) + ":" + backend[2] : tg.name), share.percent ? el("span", { class: "badge" }, share.percent) : ""),
    el("small", {}, tg.name), el("small", { class: targets.length ? "" : "wait" }, healthText(tg)), targets.length ? healthBar(targets) : "",
  ], children);
}

function ruleItem(d, l, r) {
  const id = "rule " + r.id;
  const about = () => [el("h3", {}, `Rule ${r.id}`), fields("The rule", [
    { name: "conditions", value: r.conditions, source: r.source || "" }, { name: "action", value: r.action, source: "" }, { name: "declared by", value: r.owner || "the listener's default", source: "" },
    { name: "priority in AWS", value: r.priority, source: "" }])];
  return item(3, id, "rule", `rule ${r.priority}: ${r.conditions}: ${r.action}${r.owner ? ", of " + r.owner : ""}`, about, [
    el("div", { class: "row" }, el("span", { class: "code" }, r.conditions), el("span", { class: "badge" }, r.priority)),
    r.shares.length ? "" : el("small", { class: "code" }, "→ " + r.action), r.owner ? el("small", {}, r.owner) : "",
  ], r.shares.map((s, i) => groupItem(d, s, 4, id + "/" + i)));
}

function map(d) {
  const listeners = d.ports.map((l) => item(2, "listener " + l.port, "listener", `listener ${l.protocol} ${l.port}, ${plural(l.rules.length, "rule")}`,
    () => [el("h3", {}, `Listener ${l.protocol} ${l.port}`), fields("Settings of the listener", l.fields)],
    [el("strong", {}, `${l.protocol} ${l.port}`), el("small", {}, plural(l.rules.length, "rule")), l.exists ? "" : el("small", { class: "wait" }, "not created")], l.rules.map((r) => ruleItem(d, l, r))));
  const shown = d.objects.slice(0, 6);
  const root = item(1, "object", "object" + (d.errors ? " bad-edge" : d.state === "active" ? " good-edge" : " wait-edge"), `${d.objects.join(", ")}: load balancer ${d.name || ""}, ${d.state}`,
    () => [el("h3", {}, "Load balancer " + (d.name || "")), fields("Settings of the load balancer", d.fields)],
    [shown.map((o, i) => [i && shown[i - 1].split(" ")[0] === o.split(" ")[0] ? "" : el("small", {}, o.split(" ")[0]), el("strong", {}, o.split(" ").slice(1).join(" "))]), d.objects.length > shown.length ? el("small", {}, `and ${d.objects.length - shown.length} more`) : "", el("small", { class: "state " + tone(d.state) }, d.state)], listeners);
  const tree = el("ul", { class: "tree", role: "tree", "aria-label": "From the objects to the targets; arrow keys move" }, root);
  const about = el("section", { class: "about-node", "aria-label": "About the chosen part", "aria-live": "polite" });
  root.tabIndex = 0;
  const choose = (li, focus) => {
    for (const x of tree.querySelectorAll("[role=treeitem]")) { x.tabIndex = -1; x.setAttribute("aria-selected", String(x === li)); }
    li.tabIndex = 0;
    if (focus) li.focus();
    about.replaceChildren(...li.firstElementChild.about());
    chosenNode = li.dataset.node;
  };
  tree.addEventListener("click", (e) => { const li = e.target.closest(".node")?.parentElement; if (li) choose(li, true); });
  tree.addEventListener("keydown", (e) => {
    const all = [...tree.querySelectorAll("[role=treeitem]")];
    const at = e.target.closest("[role=treeitem]");
    const to = {
      ArrowRight: () => at.querySelector("[role=treeitem]"), ArrowLeft: () => at.parentElement.closest("[role=treeitem]"),
      ArrowDown: () => all.slice(all.indexOf(at) + 1).find((x) => x.ariaLevel <= at.ariaLevel) || all[all.indexOf(at) + 1],
      ArrowUp: () => all.slice(0, all.indexOf(at)).reverse().find((x) => x.ariaLevel <= at.ariaLevel), Home: () => all[0], End: () => all[all.length - 1],
    }[e.key]?.();
    if (to) { e.preventDefault(); choose(to, true); }
  });
  const again = chosenNode && [...tree.querySelectorAll("[role=treeitem]")].find((x) => x.dataset.node === chosenNode);
  choose(again || root, false);
  if (d.ports.length === 0) return [el("p", { class: "none" }, d.unbuildable ? "The load balancer cannot be built; the findings say why." : "It has no listeners."), about];
  return [d.healthProblem ? el("p", { class: "wait" }, "The health of targets is not known: " + d.healthProblem) : "",
    el("div", { class: "map", role: "region", "aria-label": "Map", tabindex: -1 }, el("div", { class: "columns", "aria-hidden": "true" }, ["Declared by", "Listener", "Rule", "Target group", "Targets"].map((c) => el("span", {}, c))), tree), about];
}

let chosenNode = null;

// The other tabs.

function findings(list, caption, link) {
  if (list.length === 0) return el("p", {}, state("healthy", " — no findings"));
  return table(caption, ["Severity", "Object", "Finding", "Reason"], list.map((f) => [state(f.severity), link && f.key ? el("a", { href: "#/lb/" + encodeURIComponent(f.key) + "/findings" }, f.object) : f.object,
    el("td", {}, f.message, f.field ? el("small", { class: "none code" }, " " + f.field) : "", f.remedy ? el("span", { class: "remedy" }, f.remedy) : ""), el("code", {}, f.reason)]));
}

const SIGNS = { create: "+", update: "~", replace: "±", delete: "−", await: "…", withheld: "=" };
const STEP = { create: "good", update: "wait", replace: "bad", delete: "bad" };

const RESULTS = { Done: "good", Waiting: "wait", Failed: "bad" };

const steps = (caption, list) => table(caption, ["Action", "Resource", "Call", "Why"], list.map((s) => [el("span", { class: "nowrap " + (STEP[s.action] || "none") }, `${SIGNS[s.action] || ""} ${s.action}`), s.resource, el("code", { class: "nowrap" }, s.operation),
  el("td", {}, s.refused ? el("strong", { class: "bad" }, "refused: " + s.refused) : "", s.why.length ? el("ul", {}, s.why.map((w) => el("li", {}, w))) : "")]));

function changes(d) {
  return [plan(d), passes(d)];
}

// passes are the last plans that the controller carried out, as LoadBalancer objects show them.
function passes(d) {
  if (!d.passes || d.passes.length === 0) return "";
  return [el("h3", {}, "What the last plan changed"), d.passes.map((p) => [
    el("p", {}, `${moment(p.time)}: ${p.summary} `, el("strong", { class: RESULTS[p.result] || "wait" }, p.result)), p.steps.length ? el("ul", {}, p.steps.map((s) => el("li", {}, s))) : ""])];
}

function plan(d) {
  if (d.steps.length === 0) return [el("p", {}, state("healthy", " — AWS is as the objects want it: nothing to do"))];
  return [el("p", { class: "none" }, d.state === "not created" ? "What the controller would do to create it:" : "What the controller would do now; while it works, this list gets shorter:"),
    steps("The plan, in order", d.steps)];
}

function events(d) {
  if (d.events.length === 0) return el("p", { class: "none" }, "There are no recent events of these objects.");
  return table("Events of the objects, newest first", ["When", "Object", "Reason", "Message"], d.events.map((e) => [el("span", { class: "nowrap" }, moment(e.time)), e.object,
    el("span", { class: e.type === "Warning" ? "state bad" : "state good" }, e.reason + (e.count > 1 ? " ×" + e.count : "")), e.message]));
}

// example is a request that the first rule may match.
function example(d) {
  const l = d.ports.find((x) => x.protocol === "HTTPS") || d.ports[0];
  const rule = l.rules[0];
  const host = (rule.conditions.match(/host (?:is )?([^\s,]+)/) || [])[1] || d.dnsName || "example.com";
  const path = (rule.conditions.match(/path (?:is )?(\/[^\s,]*)/) || [])[1] || "/";
  const usual = l.protocol === "HTTPS" ? 443 : 80;
  return `GET ${l.protocol.toLowerCase()}://${host.replace("*", "www")}${l.port === usual ? "" : ":" + l.port}${path.replace("*", "")}`;
}

const asked = new Map(); // what was last asked of each load balancer

function walk(w, hop = 0) {
  const good = !w.problem && !/^answer [45]/.test(w.result || "") && (w.targetGroups || []).every((g) => !g.health || /(^|\s)[1-9]\d* healthy/.test(g.health));
  return [
    el("div", { class: "result" + (good ? "" : " bad-edge"), role: "status" }, hop ? el("small", { class: "none" }, "the redirect is followed") : "", el("code", {}, w.request), el("strong", {}, w.problem || w.result),
      w.listener ? el("small", { class: "none" }, "listener " + w.listener) : "", (w.targetGroups || []).map((g) => el("div", {}, el("code", {}, g.id), ` ${g.chance} · `, g.health || "health not known"))),
    w.tried ? [el("h3", {}, "Rules in the order of evaluation"), el("ol", { class: "tried" }, w.tried.map((t) => el("li", { class: t.failed ? null : "match" },
      el("span", { class: t.failed ? "none" : "good", role: "img", "aria-label": t.failed ? "does not match" : "matches" }, t.failed ? "✕" : "✓"), el("span", { class: "badge" }, t.rule),
      el("div", {}, el("div", { class: "code" }, t.conditions), t.failed ? el("div", { class: "none" }, t.failed) : "", t.owner ? el("small", { class: "none" }, t.owner, t.source ? " · " + t.source : "") : ""))))] : "",
    w.stopped ? el("p", { class: "wait" }, "The redirect " + w.stopped) : "", w.next ? walk(w.next, hop + 1) : "",
  ];
}

function request(d) {
  if (d.type !== "application" || d.ports.length === 0) return el("p", { class: "none" }, "Only application load balancers have rules for requests.");
  const last = asked.get(d.key) || { request: example(d), headers: "", from: "198.51.100.7", follow: false };
  const input = (name, attributes) => el("input", { name, value: last[name], autocomplete: "off", spellcheck: "false", ...attributes });
  const out = el("div", { "aria-live": "polite" }, last.answer ? walk(last.answer) : "");
  const form = el("form", { class: "form" },
    el("label", { class: "wide" }, "Request", input("request", { required: true, class: "code" })),
    el("label", {}, "Headers, one a line", Object.assign(el("textarea", { name: "headers", rows: 2, placeholder: "X-Env: dev", spellcheck: "false", class: "code" }), { value: last.headers })),
    el("label", {}, "Client's address", input("from", { required: true, class: "code" })),
    el("label", { class: "check" }, el("input", { name: "follow", type: "checkbox", checked: last.follow }), "Follow redirects"),
    el("div", { class: "wide" }, el("button", { class: "primary", type: "submit" }, "Why this answer?")));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const q = { request: form.elements.request.value.trim(), headers: form.elements.headers.value, from: form.elements.from.value.trim(), follow: form.elements.follow.checked };
    try {
      q.answer = await read("request", { key: d.key, request: q.request, from: q.from, follow: String(q.follow), header: q.headers.split("\n").map((h) => h.trim()).filter(Boolean) });
      asked.set(d.key, q);
      out.replaceChildren(...walk(q.answer).flat(Infinity).filter(Boolean));
    } catch (err) {
      out.replaceChildren(el("div", { class: "result bad-edge", role: "alert" }, el("strong", {}, err.message)));
    }
  });
  return [form, out];
}

const TABS = {
  map: ["Map", map], request: ["Request", request], changes: ["Changes", changes, (d) => d.steps.length], findings: ["Findings", (d) => findings(d.findings, "Findings"), (d) => d.findings.length],
  events: ["Events", events, (d) => d.events.length], settings: ["Settings", (d) => fields("Settings of the load balancer", d.fields)],
};

let detail = null;

function loadBalancer(d, tab) {
  const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "About " + d.title });
  const names = Object.keys(TABS);
  for (const name of names) {
    const [title, , count] = TABS[name];
    const n = count ? count(d) : 0;
    tabs.append(el("button", { type: "button", role: "tab", id: "tab-" + name, "aria-selected": String(name === tab), "aria-controls": "tabpanel", tabindex: name === tab ? 0 : -1, click: () => go(d.key, name) },
      title, n ? [" ", el("span", { class: "n" }, n)] : ""));
  }
  tabs.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    go(d.key, names[(names.indexOf(tab) + step + names.length) % names.length], true);
  });
  return [
    el("div", { class: "head" }, el("h2", { tabindex: -1 }, d.title), state(d.state), d.type ? el("span", { class: "chip" }, d.type) : "", d.scheme ? el("span", { class: "chip" }, d.scheme) : "",
      d.unbuildable ? el("span", { class: "chip bad" }, "cannot be built") : "", el("div", { class: "dns" }, d.dnsName ? el("code", {}, d.dnsName) : d.name ? ["to be created as ", el("code", {}, d.name)] : "")),
    tabs, el("div", { role: "tabpanel", id: "tabpanel", "aria-labelledby": "tab-" + tab }, TABS[tab][1](d)),
  ];
}

// Migration.

async function migration(r) {
  if (r.key) {
    const [namespace, gateway] = [r.key.split("/")[0], r.key.split("/")[1]];
    return difference(namespace, gateway, await read("diff", { namespace, gateway }));
  }
  const namespaces = await read("namespaces");
  const all = (await Promise.all(namespaces.map((n) => read("gateways", { namespace: n.namespace })))).flat();
  const head = el("div", { class: "head" }, el("h2", { tabindex: -1 }, "Migration"), el("div", { class: "dns" }, "Gateways in a dry run, compared with the plan of the Ingresses that they were translated from"));
  if (all.length === 0) {
    return [head, el("p", {}, "No Gateway has a plan yet."), el("p", { class: "none" }, "Translate Ingresses with ", el("code", {}, "lbc migrate"), ", apply the Gateways, which have annotation ", el("code", {}, "gateway.k8s.aws/dry-run"),
      ", and run the controller with ", el("code", {}, "--feature-gates=IngressPlanAnnotation=true"), " for the plans of the Ingresses.")];
  }
  return [head, table("Gateways with a plan", ["Gateway", "Translated from", "Same", "Changed", "Added", "Removed"], all.map((g) => [el("a", { href: "#/migration/" + encodeURIComponent(g.namespace + "/" + g.name) }, g.namespace + "/" + g.name),
    g.error ? el("span", { class: "state bad" }, g.error) : g.migratedFrom, ...["same", "changed", "added", "removed"].map((k) => (g.error ? "" : String(g.summary[k])))]))];
}

let status = "changed";
let hideKnown = true;

function difference(namespace, name, d) {
  const place = el("div");
  const text = (v) => (v === undefined || v === null ? "" : typeof v === "string" ? v : JSON.stringify(v, null, 1));
  const show = () => {
    const visible = d.entries.filter((e) => !(hideKnown && e.known));
    const count = (s) => visible.filter((e) => s === "all" || e.status === s).length;
    const chosen = visible.filter((e) => status === "all" || e.status === status);
    const groups = Map.groupBy ? [...Map.groupBy(chosen, (e) => e.resourceType + "\n" + e.correlationId)] : [];
    place.replaceChildren(
      el("div", { class: "toolbar" }, el("div", { class: "choices", role: "group", "aria-label": "Show" }, ["all", "same", "changed", "removed", "added"].map((s) => el("button", { type: "button", "aria-pressed": String(s === status),
        click: () => { status = s; show(); } }, `${s} (${count(s)})`))),
        el("label", {}, el("input", { type: "checkbox", checked: hideKnown, change: (e) => { hideKnown = e.target.checked; show(); } }), " Hide known differences")),
      ...(groups.length ? groups.map(([key, entries]) => table(key.replace(/^.*::/, "").replace("\n", " "), ["Field", "Ingress", "Gateway", "Status"], entries.map((e) => [el("code", {}, e.field), el("code", {}, text(e.ingress)),
        el("code", {}, text(e.gateway)), el("td", {}, e.status, e.knownCause ? el("small", { class: "none" }, " " + e.knownCause) : "")]))) : [el("p", { class: "none" }, "Nothing of that.")]));
  };
  show();
  return [el("div", { class: "head" }, el("h2", { tabindex: -1 }, namespace + "/" + name), el("div", { class: "dns" }, "translated from ", el("code", {}, d.migratedFrom), " · ", el("a", { href: "#/migration" }, "all Gateways"))), place];
}

// Views.

function route() {
  const [, view = "", key = "", tab = ""] = location.hash.split("/").map(decodeURIComponent);
  if (view === "findings") return { view };
  if (view === "migration") return { view, key };
  return { view: "lb", key: key || overview?.loadBalancers[0]?.key, tab: TABS[tab] ? tab : "map" };
}

function go(key, tab, focus) {
  location.hash = "#/lb/" + encodeURIComponent(key) + (tab === "map" ? "" : "/" + tab);
  focusTab = focus ? tab : null;
}

let focusTab = null;
let turn = 0; // of what is being shown; a slow answer does not replace a newer one

async function view() {
  if (!overview) return;
  const mine = ++turn;
  const r = route();
  byId("side").hidden = r.view !== "lb";
  byId("panes").classList.toggle("alone", r.view !== "lb");
  for (const a of document.querySelectorAll("nav a")) a.dataset.view === r.view ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
  const main = byId("main");
  let content;
  try {
    if (r.view === "findings") {
      content = [el("div", { class: "head" }, el("h2", { tabindex: -1 }, "Findings")), findings(overview.findings, "All findings, errors first", true)];
    } else if (r.view === "migration") {
      content = await migration(r);
    } else if (!r.key) {
      content = [el("h2", { tabindex: -1 }, "No load balancers"), el("p", { class: "none" }, "No object declares one: Ingresses need class alb, Services spec.loadBalancerClass: service.k8s.aws/nlb, Gateways a GatewayClass of the controller.")];
    } else {
      current();
      if (detail?.key !== r.key) {
        chosenNode = null;
        detail = await read("loadbalancer", { key: r.key });
      }
      if (mine !== turn) return;
      content = loadBalancer(detail, r.tab);
    }
    problem(overview.problem ? "Reading again has failed; what is shown is older: " + overview.problem : "");
  } catch (e) {
    content = [el("h2", { tabindex: -1 }, "Nothing to show"), el("p", { class: "bad" }, e.message)];
  }
  if (mine !== turn) return;
  main.replaceChildren(...content.flat(Infinity).filter(Boolean));
  const title = main.querySelector("h2")?.textContent;
  document.title = title ? title + " · lbc console" : "lbc console";
  if (focusTab) byId("tab-" + focusTab)?.focus();
  focusTab = null;
  performance.mark("ready");
  document.documentElement.dataset.state = "ready";
}

// health looks again at the targets of what is shown, and keeps the chosen part and its focus.
async function health() {
  const r = route();
  if (document.hidden || !detail || r.view !== "lb" || r.tab !== "map") return;
  try {
    const mine = turn;
    const next = await read("loadbalancer", { key: r.key });
    if (mine !== turn || JSON.stringify([next.targetGroups, next.healthProblem]) === JSON.stringify([detail.targetGroups, detail.healthProblem])) return;
    const inTree = document.activeElement.closest?.("[role=treeitem]");
    detail = next;
    const left = document.querySelector(".map")?.scrollLeft;
    byId("main").querySelector("#tabpanel").replaceChildren(...map(detail).flat(Infinity).filter(Boolean));
    document.querySelector(".map").scrollLeft = left || 0;
    if (inTree) document.querySelector("[role=treeitem][aria-selected=true]")?.focus();
  } catch (e) {
    problem("The console does not answer: " + e.message);
  }
}

function facts() {
  const f = { cluster: overview.cluster, region: overview.region, account: overview.account };
  byId("facts").replaceChildren(...Object.entries(f).filter(([, v]) => v).map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v))));
  byId("read").textContent = "as of " + clock(overview.read);
  byId("n-lb").textContent = overview.loadBalancers.length;
  byId("n-findings").textContent = overview.findings.length || "";
}

async function load(fresh) {
  byId("fresh").disabled = true;
  try {
    overview = await read("overview", fresh ? { fresh: "true" } : {});
    for (const lb of overview.loadBalancers) lb.text = [lb.title, lb.kind, lb.name, lb.dnsName, lb.state, lb.type, lb.scheme, ...lb.objects, ...lb.listeners].join(" ").toLowerCase();
    detail = null;
    facts();
    list();
    await view();
  } catch (e) {
    problem("The console does not answer: " + e.message);
    document.documentElement.dataset.state = "failed";
  }
  byId("fresh").disabled = false;
}

byId("fresh").addEventListener("click", () => load(true));
window.addEventListener("hashchange", view);
document.querySelector(".skip").addEventListener("click", (e) => { e.preventDefault(); byId("main").focus(); });
setInterval(health, HEALTH);
load(false);
