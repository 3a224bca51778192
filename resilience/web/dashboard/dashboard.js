// Keeps the page fresh, and sends what operators order. The server renders everything.

const board = document.getElementById("board");
const live = document.getElementById("live");
const said = document.getElementById("said");
const dialog = document.getElementById("ask");
const form = dialog.querySelector("form");
const POLL = 2000; // milliseconds between two looks
const HASTE = 200; // milliseconds in which several changes become one look

let last = Number(document.body.dataset.last);
let asked = 0;
let order = null;
let opener = null;

document.documentElement.classList.add("live");

async function refresh() {
  asked = 0;
  try {
    const response = await fetch("./?part=board", { headers: { Accept: "text/html" } });
    if (response.redirected) throw new Error("signed out");
    if (!response.ok) throw new Error(`${response.status}`);
    show(await response.text());
    last = Number(response.headers.get("X-Resilience-Last")) || last;
    live.textContent = `live, ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    live.textContent = `no answer (${error.message}), trying again`;
  }
}

// What has the focus keeps it: its row and label are the same in the new board.
function show(html) {
  const held = board.contains(document.activeElement) ? key(document.activeElement) : null;
  const scrolled = new Map([...board.querySelectorAll("section")].map((each) => [each.id, scroller(each)?.scrollTop]));
  board.innerHTML = html;
  localTimes();
  for (const section of board.querySelectorAll("section")) {
    const box = scroller(section);
    if (box && scrolled.get(section.id)) box.scrollTop = scrolled.get(section.id);
  }
  if (held) [...board.querySelectorAll("button")].find((each) => key(each) === held)?.focus();
}

const scroller = (section) => section.querySelector(".timeline");
const key = (each) => `${each.dataset.action} ${each.dataset.name} ${each.dataset.level}`;

function localTimes() {
  for (const time of board.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
  }
}

function soon() {
  if (!asked) asked = setTimeout(refresh, HASTE);
}

function announce(event) {
  if (event.type.startsWith("circuit") || event.type.startsWith("degradation")) {
    said.textContent = `${event.component}: ${event.type.replaceAll("_", " ")}`;
  }
}

function poll() {
  setInterval(async () => {
    if (document.hidden) return;
    await refresh();
  }, POLL);
}

function listen() {
  const source = new EventSource("api/stream");
  let opened = false;
  source.onopen = () => { opened = true; };
  source.addEventListener("snapshot", soon);
  for (const type of document.body.dataset.events.split(" ")) {
    source.addEventListener(type, (message) => {
      announce(JSON.parse(message.data));
      soon();
    });
  }
  source.onerror = () => {
    if (opened) return; // the browser connects again by itself
    source.close();
    poll();
  };
  setInterval(() => { if (!document.hidden) soon(); }, POLL); // rates and times go on between events
}

// -- orders ------------------------------------------------------------------------------------

board.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  opener = key(button);
  order = { action: button.dataset.action };
  if (button.dataset.name) order.name = button.dataset.name;
  if (button.dataset.level) order.level = button.dataset.level;
  ask(button.textContent, button.dataset.name || "", (button.dataset.takes || "").split(" "));
});

function ask(title, about, takes) {
  form.reset();
  form.querySelector("#ask-title").textContent = title;
  form.querySelector("#ask-about").textContent = about;
  form.querySelector("#ask-error").textContent = "";
  for (const field of form.querySelectorAll("[data-field]")) {
    field.hidden = !takes.includes(field.dataset.field);
    for (const input of field.querySelectorAll("input, select")) input.disabled = field.hidden;
  }
  dialog.showModal();
  form.elements.reason.focus();
}

form.addEventListener("click", (event) => {
  if (event.target.value === "cancel") dialog.close();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = { ...order, reason: form.elements.reason.value.trim() };
  if (order.action === "chaos.plan") sent.experiment = planned();
  for (const field of form.querySelectorAll('[data-field]:not([hidden], [data-field="plan"])')) {
    sent[field.dataset.field] = Number(form.elements[field.dataset.field].value);
  }
  const response = await fetch("api/actions", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...csrf() },
    body: JSON.stringify(sent),
  }).catch((error) => ({ ok: false, json: async () => ({ detail: error.message }) }));
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    form.querySelector("#ask-error").textContent = problem.detail || problem.title || "It was refused.";
    return;
  }
  dialog.close();
  const { confirmed } = await response.json();
  said.textContent = confirmed
    ? `Done: confirmed by ${confirmed.confirmed} of ${confirmed.live} workers.`
    : "Done.";
  refresh();
});

// The experiment that the fields describe, as a file would.
function planned() {
  const given = (name) => form.elements[`plan-${name}`].value.trim();
  const kind = given("fault");
  const timed = ["latency", "clock_skew"].includes(kind);
  return {
    name: given("name"),
    fault: timed ? { kind, seconds: Number(given("seconds")) } : { kind },
    target: given("target"),
    duration: Number(given("duration")),
    share: Number(given("share")) / 100,
    ...(given("steady") && { steady_state: [given("steady")] }),
  };
}

dialog.addEventListener("close", () => {
  [...board.querySelectorAll("button")].find((each) => key(each) === opener)?.focus();
});

// A framework that protects forms by a token puts it on the page.
function csrf() {
  const { csrfHeader, csrfToken } = document.body.dataset;
  return csrfHeader ? { [csrfHeader]: csrfToken } : {};
}

localTimes();
live.textContent = "live";
if (document.body.dataset.live === "stream") listen();
else poll();
