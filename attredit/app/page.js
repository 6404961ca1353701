// What is dropped goes to the program on this machine, which answers with pictures; nothing else is asked for.
const RUNS = JSON.parse(document.getElementById("runs").textContent);
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll(".run")];

// The picture, what each run says of it, and what is wanted: attributes that nobody touched are not named.
let picture = null;
let looks = [];
let wanted = {};
let styled = {};

// --- asking ---------------------------------------------------------------------------------------------------------

async function ask(address, sent) {
  let answer;
  try {
    answer = await fetch(address, sent);
  } catch {
    throw new Error("The program does not answer: it has ended. Start it again in its terminal.");
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer;
}

function say(sentence) {
  at("error").textContent = sentence;
  at("error").hidden = !sentence;
}

// --- a picture ------------------------------------------------------------------------------------------------------

async function drop(file) {
  say("");
  document.body.classList.add("waiting");
  try {
    const answer = await ask(`pictures?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
    const next = await answer.json();
    const seen = await Promise.all(RUNS.map((_, run) => look(next, run)));
    picture = next;
    looks = seen;
    [wanted, styled] = [{}, {}];
    const [, , side] = looks[0].frame;
    at("close").checked = 2 * side < Math.min(picture.width, picture.height);
    at("original").src = `pictures/${picture.key}.png`;
    for (const id of ["placing", "results", "changes"]) at(id).hidden = false;
    drawFrames();
    showValues();
    showStyles();
    await showAll();
  } catch (error) {
    say(error.message);
  } finally {
    document.body.classList.remove("waiting");
  }
}

async function look(of, run, frame) {
  const where = frame ? `&frame=${frame.join(",")}` : "";
  return (await ask(`look?run=${run}&picture=${of.key}${where}`)).json();
}

at("file").addEventListener("change", () => {
  if (at("file").files.length) drop(at("file").files[0]);
  at("file").value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    if (event.dataTransfer.files.length) drop(event.dataTransfer.files[0]);
    else say("What was dropped is no file. Save the picture first, and drop its file.");
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) drop(event.clipboardData.files[0]);
});
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const name = `sample-${Number(button.dataset.sample) + 1}.png`;
    const data = await (await fetch(button.querySelector("img").src)).blob();
    drop(new File([data], name));
  });
}

// --- the frame: of several runs, all move together --------------------------------------------------------------------

function drawFrames() {
  const svg = at("frames");
  svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
  svg.replaceChildren(
    ...looks.map((_, run) => {
      const group = drawn("g");
      const label = `Frame of ${RUNS[run].name}: arrows move it, plus and minus change its size`;
      const rect = drawn("rect", { class: "frame", tabindex: 0, role: "application", "aria-label": label });
      group.append(drawn("rect", { class: "shade" }), rect, drawn("circle", { class: "corner" }));
      return group;
    }),
  );
  moveFrames();
}

function drawn(tag, given = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  return element;
}

function moveFrames() {
  const shown = at("frames").getBoundingClientRect().width || 300;
  looks.forEach(({ frame: [x, y, side, angle] }, run) => {
    const group = at("frames").children[run];
    group.setAttribute("transform", `translate(${x} ${y}) rotate(${angle})`);
    const [shade, rect, corner] = group.children;
    for (const [name, value] of Object.entries({ x: -side / 2, y: -side / 2, width: side, height: side }))
      for (const square of [shade, rect]) square.setAttribute(name, value);
    corner.setAttribute("cx", side / 2);
    corner.setAttribute("cy", side / 2);
    corner.setAttribute("r", (9 * picture.width) / shown);
  });
  const sure = Math.min(...looks.map((look) => look.sureness));
  const missing = looks.some((look) => look.error);
  at("found").textContent = missing
    ? "Nothing was found: put the frame where the subject is."
    : sure < 1
      ? `Found, ${Math.round(100 * sure)} % sure. Drag the frame to move it, its corner to change its size.`
      : "Drag the frame to move it, its corner to change its size.";
}

// A move of all frames, and a change of their sizes about their own centres.
function shift(starts, right, down, times) {
  looks = looks.map((look, run) => {
    const [x, y, side, angle] = starts[run];
    return { ...look, frame: [x + right, y + down, Math.max(8, side * times), angle], sureness: 1, error: undefined };
  });
  moveFrames();
}

async function settle() {
  const frames = looks.map((look) => look.frame);
  const of = picture;
  document.body.classList.add("waiting");
  try {
    const seen = await Promise.all(RUNS.map((_, run) => look(of, run, frames[run])));
    // Another picture, or a frame that has been moved on meanwhile: who did that settles it.
    if (of !== picture || looks.some((look, run) => String(look.frame) !== String(frames[run]))) return;
    looks = seen;
    showValues();
    showStyles();
    await showAll();
  } catch (error) {
    say(error.message);
  } finally {
    document.body.classList.remove("waiting");
  }
}

at("frames").addEventListener("pointerdown", (event) => {
  const group = event.target.closest("g");
  if (!group) return;
  event.preventDefault();
  const run = [...at("frames").children].indexOf(group);
  const sized = event.target.tagName === "circle";
  const starts = looks.map((look) => [...look.frame]);
  const box = at("frames").getBoundingClientRect();
  const place = ({ clientX, clientY }) => [
    ((clientX - box.left) * picture.width) / box.width,
    ((clientY - box.top) * picture.height) / box.height,
  ];
  const [x, y] = place(event);
  const far = (point) => Math.hypot(point[0] - starts[run][0], point[1] - starts[run][1]);
  const move = (moved) => {
    const now = place(moved);
    if (sized) shift(starts, 0, 0, far(now) / far([x, y]));
    else shift(starts, now[0] - x, now[1] - y, 1);
  };
  at("frames").setPointerCapture(event.pointerId);
  at("frames").addEventListener("pointermove", move);
  const end = () => {
    at("frames").removeEventListener("pointermove", move);
    settle();
  };
  at("frames").addEventListener("lostpointercapture", end, { once: true });
});
at("frames").addEventListener("keydown", (event) => {
  const far = 0.03 * looks[0].frame[2];
  const moves = { ArrowLeft: [-far, 0, 1], ArrowRight: [far, 0, 1], ArrowUp: [0, -far, 1], ArrowDown: [0, far, 1] };
  const found = { ...moves, "+": [0, 0, 1.05], "-": [0, 0, 1 / 1.05] }[event.key];
  if (!found) return;
  event.preventDefault();
  shift(looks.map((look) => look.frame), ...found);
  settle();
});

// --- attributes -------------------------------------------------------------------------------------------------------

const attributes = new Map();
for (const run of RUNS) for (const attribute of run.attributes) if (!attributes.has(attribute.name)) attributes.set(attribute.name, attribute);

function made(tag, given = {}, ...children) {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
}

for (const { name, low, high, values } of attributes.values()) {
  const id = `attribute-${name}`;
  const control = values
    ? made("select", { id }, ...values.map((value) => made("option", { value, textContent: value })))
    : made("input", { id, type: "range", min: low, max: high, step: 0.01 });
  const row = made("div", { className: "attribute" });
  row.dataset.attribute = name;
  row.append(made("label", { htmlFor: id, textContent: name.replaceAll("_", " ") }), made("output", { htmlFor: id }), control);
  if (!values)
    row.append(made("div", { className: "ends" }, made("span", { textContent: "taken off" }), made("span", { textContent: "exaggerated" })));
  control.addEventListener("input", () => {
    wanted[name] = values ? control.value : Number(control.value);
    showValues();
    showAll();
  });
  const owner = ownerOf(name);
  if (owner >= 0) {
    const styles = made("details", { className: "styles" }, made("summary", { textContent: "Styles" }), made("div"));
    styles.addEventListener("toggle", showStyles);
    row.append(styles);
  }
  at("attributes").append(row);
}

// Styles are a run's own: those of the first run that has some of an attribute are shown, as small edits.
function ownerOf(name) {
  return RUNS.findIndex((run) => run.attributes.some((attribute) => attribute.name === name && attribute.styles));
}

function showStyles() {
  for (const row of at("attributes").querySelectorAll(".attribute:has(.styles[open])")) {
    const name = row.dataset.attribute;
    const run = ownerOf(name);
    const { styles } = RUNS[run].attributes.find((attribute) => attribute.name === name);
    const buttons = Array.from({ length: styles }, (_, i) => {
      const query = { run, picture: picture.key, frame: looks[run].frame.join(","), close: "", small: "" };
      const asked = { ...query, changes: JSON.stringify({ [name]: 1 }), styles: JSON.stringify({ [name]: i + 1 }) };
      const image = made("img", { src: `edit?${new URLSearchParams(asked)}`, alt: `Style ${i + 1}` });
      const button = made("button", { type: "button", ariaPressed: String(styled[name] === i + 1) }, image);
      button.addEventListener("click", () => choose(name, i + 1));
      return button;
    });
    row.querySelector(".styles div").replaceChildren(...buttons);
  }
}

function choose(name, style) {
  styled[name] = style;
  wanted[name] ??= 1;
  const buttons = at(`attribute-${name}`).closest(".attribute").querySelectorAll(".styles button");
  buttons.forEach((button, i) => (button.ariaPressed = String(i + 1 === style)));
  showValues();
  showAll();
}

// What the first run that knows an attribute predicts of it.
function predicted(name) {
  const value = looks.find((look) => look.values && name in look.values)?.values[name];
  if (value === undefined || typeof value === "number") return value;
  return Object.entries(value).sort((one, other) => other[1] - one[1])[0][0];
}

function showValues() {
  for (const row of at("attributes").children) {
    const { attribute } = row.dataset;
    const { values } = attributes.get(attribute);
    const changed = attribute in wanted;
    let value = changed ? wanted[attribute] : predicted(attribute);
    if (values && typeof value === "number") value = values[Math.round(value)];
    row.classList.toggle("changed", changed);
    const shown = typeof value === "number" ? value.toFixed(2) : "";
    row.querySelector("output").textContent = changed ? shown : value === undefined ? "" : `as it is ${shown}`;
    if (value !== undefined) row.querySelector("input, select").value = value;
  }
  at("reset").disabled = !Object.keys(wanted).length;
}

at("reset").addEventListener("click", () => {
  [wanted, styled] = [{}, {}];
  showStyles();
  showValues();
  showAll();
});
for (const control of [at("close"), ...document.getElementsByName("mode")]) control.addEventListener("change", () => showAll());

// --- edits: of each run one at a time is asked for, and at last the one that is wanted now ------------------------------

const modeNow = () => document.querySelector("[name=mode]:checked").value;

function address(run, side, whole = false) {
  const query = new URLSearchParams({ run, picture: picture.key, frame: looks[run].frame.join(","), mode: modeNow(), side });
  if (side === "after") {
    const own = Object.entries(styled).filter(([name]) => ownerOf(name) === run);
    query.set("changes", JSON.stringify(wanted));
    query.set("styles", JSON.stringify(Object.fromEntries(own)));
  }
  if (at("close").checked) query.set("close", "");
  if (whole) query.set("whole", "");
  return `edit?${query}`;
}

const shown = cards.map(() => ({ before: "", after: "", remark: "", asking: null }));

function showAll() {
  at("close").closest("label").hidden = modeNow() === "decoded";
  return Promise.all(cards.map((_, run) => (shown[run].asking ??= showOne(run).finally(() => (shown[run].asking = null)))));
}

async function showOne(run) {
  const [card, now] = [cards[run], shown[run]];
  const said = card.querySelector(".said");
  card.classList.add("busy");
  try {
    for (;;) {
      const side = ["before", "after"].find((each) => now[each] !== address(run, each));
      if (!side) break;
      const next = address(run, side);
      const answer = await ask(next);
      now[side] = next;
      if (side === "after") now.remark = decodeURIComponent(answer.headers.get("Attredit-Says"));
      await put(card.querySelector(`.${side}`), await answer.blob());
    }
    const without = Object.keys(wanted).filter((name) => !RUNS[run].attributes.some((attribute) => attribute.name === name));
    const missing = without.length ? `It does not edit ${without.join(", ").replaceAll("_", " ")}.` : "";
    said.textContent = looks[run].error ?? [missing, now.remark].filter(Boolean).join(" ");
    said.classList.toggle("wrong", Boolean(looks[run].error));
  } catch (error) {
    said.textContent = error.message;
    said.classList.add("wrong");
  } finally {
    card.classList.remove("busy");
  }
}

async function put(image, data) {
  const before = image.src;
  image.src = URL.createObjectURL(data);
  await image.decode();
  const { style } = image.parentElement;
  style.setProperty("--wide", image.naturalWidth);
  style.setProperty("--high", image.naturalHeight);
  if (before) URL.revokeObjectURL(before);
}

for (const divider of document.querySelectorAll(".divider")) {
  divider.addEventListener("input", () => {
    for (const card of cards) {
      card.querySelector(".divider").value = divider.value;
      card.querySelector(".stage").style.setProperty("--at", `${divider.value}%`);
    }
  });
}

cards.forEach((card, run) => {
  card.querySelector(".download").addEventListener("click", async () => {
    say("");
    try {
      const data = await (await ask(address(run, "after", true))).blob();
      const stem = picture.name.replace(/\.[^.]*$/, "");
      const link = made("a", { href: URL.createObjectURL(data), download: `${stem}-edited${cards.length > 1 ? `-${run + 1}` : ""}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    } catch (error) {
      say(error.message);
    }
  });
});
