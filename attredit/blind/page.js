// One pair after the other. Votes are kept by this browser under the page's name until they are saved as a file.
const { page, pairs, pictures } = JSON.parse(document.getElementById("shown").textContent);
const at = (id) => document.getElementById(id);
const CHOICES = ["left", "right", "none"];
const place = `attredit-blind-${page}`;
const fresh = () => [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16).padStart(2, "0")).join("");
let state = { session: fresh(), voter: "", votes: [] };

// Some browsers keep nothing for a file that is opened from a disk: then it is said.
function remember() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
  } catch {
    at("kept").textContent = "This browser keeps nothing of this page: save your votes before you close it.";
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(place));
    if (kept && kept.votes.every((vote) => CHOICES.includes(vote))) state = kept;
  } catch {
    at("kept").textContent = "What was voted before cannot be read: this starts anew.";
  }
}

function show() {
  const number = state.votes.length, done = number === pairs.length;
  at("voting").hidden = done;
  at("done").hidden = !done;
  at("progress").value = number;
  at("back").disabled = number === 0;
  if (done) return;
  const pair = pairs[number];
  at("status").textContent = `${number + 1} of ${pairs.length}`;
  at("question").textContent = pair.question;
  at("original").src = pictures[pair.original];
  for (const side of ["left", "right"]) at(side).querySelector("img").src = pictures[pair[side]];
}

function vote(choice) {
  if (state.votes.length === pairs.length) return;
  state.votes.push(choice);
  at("kept").textContent = "";
  remember();
  show();
  if (state.votes.length === pairs.length) at("save").focus();
}

function back() {
  if (!state.votes.length) return;
  state.votes.pop();
  remember();
  show();
}

function save() {
  const key = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(at("key").textContent), (c) => c.charCodeAt(0))));
  const votes = state.votes.map((choice, i) => ({ ...key.pairs[i], choice }));
  const { session, voter } = state;
  const text = JSON.stringify({ format: 1, page, session, voter, asked: pairs.length, runs: key.runs, votes }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `votes-${page.slice(0, 6)}-${session.slice(0, 6)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  at("kept").textContent = `Saved ${votes.length} of ${pairs.length} votes as ${link.download}.`;
}

for (const choice of CHOICES) at(choice).addEventListener("click", () => vote(choice));
at("back").addEventListener("click", back);
at("again").addEventListener("click", back);
at("save").addEventListener("click", save);
at("voter").addEventListener("input", () => { state.voter = at("voter").value; remember(); });
const KEYS = { ArrowLeft: () => vote("left"), ArrowRight: () => vote("right"), ArrowDown: () => vote("none"), Backspace: back };
addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (!action || event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (!event.repeat) action(); // a key that is held down is one vote
});
recall();
at("voter").value = state.voter;
show();
