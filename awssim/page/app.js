"use strict";
// Reads the administration paths every other second and shows what they tell. Text from the simulator only ever becomes text
// nodes, never markup. A section is made anew only when what it shows has changed, so that focus and selection stay.

const INTERVAL = 2000; // milliseconds between two looks
const CALLS = 100; // recent calls shown

const byId = (id) => document.getElementById(id);

// el makes an element; children may be nodes, text or nothing.
function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== "" && c != null && c !== false));
  return e;
}

const GOOD = new Set(["healthy", "active", "ISSUED", "in service"]);
const WAIT = new Set(["initial", "provisioning", "draining", "unused", "PENDING_VALIDATION", "unhealthy.draining", "unavailable"]);

// state shows a state by a sign and a word, not by colour alone.
function state(text) {
  return el("span", { class: "state " + (GOOD.has(text) ? "good" : WAIT.has(text) ? "wait" : "bad") }, text);
}

// table makes a table; columns that begin with "#" hold numbers, with "`" code.
function table(caption, columns, rows) {
  const kind = columns.map((c) => (c[0] === "#" ? "num" : c[0] === "`" ? "code" : null));
  const titles = columns.map((c) => c.replace(/^[#`]/, ""));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, titles.map((t, i) => el("th", { scope: "col", class: kind[i] === "num" && "num" }, t)))),
      el("tbody", {}, rows.map((r) => el("tr", r.attributes || {}, (r.cells || r).map((c, i) => el("td", { class: kind[i] }, Array.isArray(c) ? c : String(c ?? ""))))))));
}

function nodes(...children) { return [children.flat(Infinity).filter((c) => c != null && c !== "")]; }

// opened are the cards that the user opened or closed, by key; others are as card says.
const opened = new Map();

function card(key, open, name, meta, ...body) {
  const d = el("details", { class: "card", "data-key": key, open: opened.has(key) ? opened.get(key) : open },
    el("summary", {}, el("span", { class: "name" }, name), el("span", { class: "meta" }, meta)), el("div", {}, body));
  d.addEventListener("toggle", () => opened.set(key, d.open));
  return d;
}

const count = (n) => Number(n || 0).toLocaleString("en");
const clock = (t) => (t || "").replace("T", " ").replace(/(\.\d{3})\d*/, "$1").replace("Z", "");
const last = (arn) => (arn || "").split("/").slice(-2)[0] || arn;

function loadBalancer(lb, data) {
  const metrics = data.traffic.loadBalancers[lb.arn] || {};
  const endpoint = data.topology.find((e) => e.arn === lb.arn);
  const bound = (l) => (endpoint ? endpoint.listeners : []).filter((x) => x.port === l.port).map((x) => x.address);
  const body = [
    el("p", {}, el("code", {}, lb.dnsName), endpoint ? " → " : "", endpoint ? el("code", {}, endpoint.address) : ""),
    table("Zones of " + lb.name, ["Zone", "`Subnet", "`Private", "`Public", "`IPv6", "DNS"], (lb.zones || []).map((z) => [
      z.name, z.subnet, z.private, z.public, z.ipv6, nodes(state(z.inService ? "in service" : "not in DNS")),
    ])),
  ];
  for (const l of lb.listeners || []) {
    body.push(table(`Listener ${l.port} ${l.protocol} of ${lb.name}`, ["Priority", "Rule", "#Requests"],
      (l.rules || []).map((r) => ({ attributes: { "data-rule": r.arn }, cells: [r.priority, r.text, count(r.requests)] }))));
    const facts = [bound(l).join(", "), l.sslPolicy, (l.certificates || []).join(", ")].filter(Boolean);
    if (facts.length) body.push(el("p", { class: "none" }, "on " + facts.join(" · ")));
  }
  if ((lb.securityGroups || []).length) body.push(el("p", {}, "Security groups: ", el("code", {}, lb.securityGroups.join(", "))));
  if (Object.keys(metrics).length) {
    body.push(card("metrics " + lb.arn, false, "Counters", "", table("Counters of " + lb.name, ["Metric", "#Count"],
      Object.keys(metrics).sort().map((m) => [m, count(metrics[m])]))));
  }
  const sum = lb.type === "network" ? count(metrics.NewFlowCount) + " flows" : count(metrics.RequestCount) + " requests";
  return card(lb.arn, true, lb.name, [lb.type, " · ", lb.scheme, " · ", lb.ipAddressType, " · ", state(lb.state), " · ", sum], body);
}

function targetGroup(tg, data) {
  const targets = tg.targets || [];
  const healthy = targets.filter((t) => t.state === "healthy").length;
  const history = (t) => (t.history || []).slice(-5).reverse().map((h) => el("li", {}, clock(h.time), " ", h.state, h.reason ? " " + h.reason : ""));
  const user = data.resources.loadBalancers.find((lb) => lb.arn === tg.loadBalancer);
  return card(tg.arn, true, tg.name, [
    [tg.protocol, tg.port].filter(Boolean).join(":"), tg.protocolVersion ? " " + tg.protocolVersion : "", " · ", tg.targetType, " · ",
    user ? "of " + user.name : "unused", " · ", `${healthy} of ${targets.length} healthy`,
  ], el("p", {}, "Health check: ", tg.healthCheck), targets.length === 0 ? el("p", { class: "none" }, "No targets.") :
    table("Targets of " + tg.name, ["`Target", "#Port", "Zone", "State", "Reason", "Lately"], targets.map((t) => ({
      attributes: { "data-target": t.id },
      cells: [t.id, t.port, t.zone, nodes(state(t.state)), [t.reason, t.description].filter(Boolean).join(": "), nodes(el("ul", { class: "plain" }, history(t)))],
    }))));
}

function permission(p) {
  const ports = p.protocol === "all" ? "all" : p.from === p.to ? p.from : `${p.from}–${p.to}`;
  return [p.protocol, ports, p.peer, p.description];
}

function securityGroup(g) {
  const columns = ["Protocol", "#Ports", "`Peer", "Description"];
  return card(g.id, false, g.name, [el("code", {}, g.id), ` · ${(g.ingress || []).length} in · ${(g.egress || []).length} out`],
    table("Inbound of " + g.name, columns, (g.ingress || []).map(permission)), table("Outbound of " + g.name, columns, (g.egress || []).map(permission)));
}

function call(c) {
  const parameters = JSON.stringify(c.parameters);
  return { attributes: { "data-call": c.number }, cells: [
    c.number, clock(c.time), c.service, c.action, c.caller,
    nodes(el("span", { class: c.code || c.dropped ? "bad" : "good" }, c.dropped ? "dropped" : [c.status, c.code].filter(Boolean).join(" ")),
      c.fault ? ` [${c.fault}]` : "", c.message ? el("div", { class: "none" }, c.message) : ""),
    c.duration, parameters.length > 80 ? nodes(el("details", {}, el("summary", {}, parameters.slice(0, 76) + "…"), el("pre", {}, JSON.stringify(c.parameters, null, 2)))) : parameters,
  ] };
}

// sections tell for each section what it lists and how one of them looks; whole ones make one table of all.
const sections = {
  "load-balancers": { list: (d) => d.resources.loadBalancers, one: loadBalancer, needs: (lb, d) => [d.traffic.loadBalancers[lb.arn], d.topology.find((e) => e.arn === lb.arn)] },
  "target-groups": { list: (d) => d.resources.targetGroups, one: targetGroup },
  "security-groups": { list: (d) => d.resources.securityGroups, one: securityGroup },
  flows: {
    list: (d) => d.flows,
    all: (flows) => table("Open flows of network load balancers", ["Protocol", "Load balancer", "`Client", "`Target", "Since", "#Received", "#Sent"],
      flows.map((f) => [f.protocol, last(f.loadBalancer), f.client, f.target, clock(f.since), count(f.received), count(f.sent)])),
  },
  certificates: {
    list: (d) => d.resources.certificates,
    all: (list) => table("Certificates", ["Names", "Status", "`ARN"], list.map((c) => [c.names.join(", "), nodes(state(c.status)), c.arn])),
  },
  calls: {
    list: (d) => d.calls.slice().reverse(),
    all: (calls) => table(`The last ${CALLS} calls, newest first`, ["#Number", "Time", "Service", "Action", "Caller", "Outcome", "#Took", "`Parameters"], calls.map(call)),
  },
};

const shown = {}; // what each section showed last, as text

function show(data) {
  const wanted = byId("filter").value.trim().toLowerCase();
  for (const [name, s] of Object.entries(sections)) {
    const every = s.list(data) || [];
    const items = wanted ? every.filter((x) => JSON.stringify(x).toLowerCase().includes(wanted)) : every;
    byId("n-" + name).textContent = wanted ? `${items.length} of ${every.length}` : every.length;
    const now = JSON.stringify([items, s.needs ? items.map((x) => s.needs(x, data)) : null]);
    if (shown[name] === now) continue;
    shown[name] = now;
    const place = byId("s-" + name);
    const focus = place.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
    place.replaceChildren(...(items.length === 0 ? [el("p", { class: "none" }, wanted ? "Nothing fits the filter." : "None.")]
      : s.all ? [s.all(items)] : items.map((x) => s.one(x, data))));
    if (focus) place.querySelector(`[data-key="${CSS.escape(focus)}"] > summary`)?.focus();
  }
  const settings = data.settings;
  const facts = { account: data.resources.account, region: data.resources.region, time: clock(settings.now).replace(/\.\d+.*/, ""), profile: settings.profile,
    "data plane": settings.dataPlane ? "on" : "off" };
  byId("facts").replaceChildren(...Object.entries(facts).map(([k, v]) => el("div", {}, el("dt", {}, k), el("dd", {}, v))));
}

async function read(path) {
  const response = await fetch("/_sim/" + path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

let data = null;
let paused = false;

async function look() {
  const problem = byId("problem");
  try {
    const [resources, topology, traffic, flows, calls, settings] = await Promise.all(
      ["resources", "topology", "traffic", "flows", "calls?limit=" + CALLS, "settings"].map(read));
    data = { resources, topology, traffic, flows, calls, settings };
    show(data);
    problem.hidden = true;
    document.documentElement.dataset.state = "ready";
  } catch (e) {
    problem.textContent = "The simulator does not answer: " + e.message;
    problem.hidden = false;
    document.documentElement.dataset.state = "failed";
  }
}

async function keepLooking() {
  if (!paused && !document.hidden) await look();
  setTimeout(keepLooking, INTERVAL);
}

byId("filter").addEventListener("input", () => data && show(data));
byId("pause").addEventListener("click", (e) => {
  paused = !paused;
  e.currentTarget.setAttribute("aria-pressed", String(paused));
  e.currentTarget.textContent = paused ? "Resume" : "Pause";
  if (!paused) look();
});
look().then(() => setTimeout(keepLooking, INTERVAL));
