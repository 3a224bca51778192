// Keeps the page fresh, and sends what operators order. The server renders everything.

const board = document.getElementById("board");
const live = document.getElementById("live");
const said = document.getElementById("said");
const dialog = document.getElementById("ask");
const form = dialog.querySelector("form");
const POLL = 2; // seconds between two looks, unless the server asks for more
const PATIENCE = 10; // seconds in which a stream sends a board
const PRESS = 5; // seconds after which a press is over, whether or not its end was seen
const AGAIN = 30; // seconds after which a stream that was refused is tried again

const pushed = document.body.dataset.live === "stream";
let source = null;
let trusted = pushed; // whether a stream is worth trying
let proven = false; // whether one has sent anything
let heard = performance.now(); // when something came, or was asked for, last
let wait = POLL;
let pressed = -Infinity; // when a button was pressed that is not yet let go
const known = new Map(); // what each worker's board said last
let order = null;
let opener = null;

document.documentElement.classList.add("live");

// A tab that nobody looks at asks for nothing.
function keepFresh() {
  if (document.hidden) {
    hush();
    return;
  }
  if (trusted && !source) listen();
  if (performance.now() - heard < (source ? PATIENCE : wait) * 1000) return;
  if (source) {
    trusted = proven; // a proxy may hold a stream back, and say nothing
    hush();
  }
  refresh();
}

async function refresh() {
  heard = performance.now();
  try {
    const response = await fetch("./?part=board", { headers: { Accept: "text/html" } });
    if (response.redirected) throw new Error("signed out");
    if (!response.ok) throw new Error(`${response.status}`);
    wait = Number(response.headers.get("X-Resilience-Wait")) || POLL;
    show(await response.text());
  } catch (error) {
    tell(`no answer (${error.message}), trying again`);
  }
}

// Who listens hears the words when they change, and not the time each time.
function tell(words, at = "") {
  const [state, when] = live.children;
  if (state.textContent !== words) state.textContent = words;
  when.textContent = at && `, ${at.toLocaleTimeString()}`;
}

function listen() {
  const stream = new EventSource("api/stream?part=board");
  source = stream;
  heard = performance.now();
  stream.addEventListener("board", (message) => {
    heard = performance.now();
    proven = true;
    show(message.data);
  });
  stream.onerror = () => {
    if (stream !== source) return;
    tell("no answer, trying again");
    if (stream.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
    trusted = false;
    setTimeout(() => { trusted = proven; }, AGAIN * 1000);
    hush();
    heard = -Infinity; // asking says what is wrong
  };
}

function hush() {
  source?.close();
  source = null;
}

// What has the focus keeps it: its row and label are the same in the new board.
function show(html) {
  if (performance.now() - pressed < PRESS * 1000) return; // the button would be gone before the click
  if (board.contains(selection()?.commonAncestorContainer)) {
    tell("held while text is selected");
    return;
  }
  const held = board.contains(document.activeElement) ? key(document.activeElement) : null;
  const scrolled = new Map(boxes().map((each) => [key(each), [each.scrollLeft, each.scrollTop]]));
  board.innerHTML = html;
  settle();
  for (const box of boxes()) box.scrollTo(...(scrolled.get(key(box)) || [0, 0]));
  if (held) [...board.querySelectorAll("button, [tabindex]")].find((each) => key(each) === held)?.focus({ preventScroll: true });
  announce();
  tell("live", new Date());
}

const boxes = () => [...board.querySelectorAll(".wide, .timeline")];
const key = (each) =>
  ["action", "name", "level"].map((part) => each.dataset[part]).concat(each.className, each.closest("section")?.id).join(" ");

function selection() {
  const found = getSelection();
  return found.rangeCount && !found.isCollapsed ? found.getRangeAt(0) : null;
}

// Times in the reader's zone; boxes that scroll are reached by keyboard, the others no stop.
function settle() {
  for (const time of board.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
  }
  for (const box of boxes()) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
  document.title = `Resilience: ${states().get("\nlevel")}`;
}

// What each circuit, component and feature is, in a word, by its section and name.
function states() {
  const found = new Map([["\nlevel", word(board.querySelector("#overview .badge"))]]);
  for (const row of board.querySelectorAll("#circuits tbody tr, #components tbody tr, #features tbody tr")) {
    found.set(`${row.closest("section").id}\n${row.querySelector("th").textContent}`, word(row.querySelector(".badge")));
  }
  return found;
}

const word = (badge) => badge.lastChild.textContent.trim();

// Each look may be answered by another worker, which sees it in its own way.
function announce() {
  const worker = board.querySelector("#overview code").textContent;
  const before = known.get(worker) || new Map();
  const now = states();
  const changed = [...now].filter(([name, state]) => before.has(name) && before.get(name) !== state);
  if (changed.length) said.textContent = changed.slice(0, 5).map(([name, state]) => `${name.split("\n")[1]}: ${state}`).join(", ");
  known.set(worker, now);
}

// -- orders ------------------------------------------------------------------------------------

board.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  getSelection().removeAllRanges();
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

board.addEventListener("pointerdown", () => { pressed = performance.now(); });
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => setTimeout(() => { pressed = -Infinity; }));
}
addEventListener("resize", settle);

settle();
tell("live");
announce();
keepFresh();
setInterval(keepFresh, 500);
