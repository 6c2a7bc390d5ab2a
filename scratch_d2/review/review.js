// The review: one photograph, one key; an answer is saved before the next photograph comes.

const WORDS = { good: "Good", bad: "Bad", skip: "skipped", review: "For review" };
const state = { shown: null, coming: null, progress: null, zoom: null, ready: false, saving: false };

/** Ask the server; an answer that is no success is thrown with its reason. */
async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer; start scratch-d2 review again, what was saved is kept");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Do one thing after the other; what goes wrong is shown and changes nothing. */
async function attempt(act) {
  if (state.saving) return;
  state.saving = true;
  try {
    await act();
    byId("problem").hidden = true;
  } catch (error) {
    byId("problem").textContent = error.message;
    byId("problem").hidden = false;
  } finally {
    state.saving = false;
  }
}

function showProgress(progress) {
  state.progress = progress;
  const { total, good, bad, skip, unreadable } = progress;
  const bar = byId("progress");
  bar.max = total;
  bar.value = good + bad + skip;
  const count = (value) => value.toLocaleString("en");
  const parts = [`${count(good + bad + skip)} of ${count(total)} reviewed`];
  parts.push(`${count(good)} Good`, `${count(bad)} Bad`);
  if (skip) parts.push(`${count(skip)} skipped`);
  if (unreadable) parts.push(`${count(unreadable)} unreadable`);
  byId("counts").replaceChildren(...parts.map((part) => node("span", {}, part)));
  byId("undo").disabled = byId("done-undo").disabled = !progress.can_undo;
}

/** The photograph is on the screen, or it is known why it cannot be. */
function setReady(shown) {
  byId("stage").classList.remove("loading");
  byId("stage").dataset.ready = shown.image_id;
  state.ready = true;
}

/** Load the pixels; the photograph can be judged once they are there, or cannot be had. */
function loadPicture(shown, image) {
  const loaded = new Image();
  loaded.onload = () => {
    if (state.shown !== shown) return;
    image.setAttribute("href", loaded.src);
    setReady(shown);
  };
  loaded.onerror = async () => {
    if (state.shown !== shown) return;
    let reason = "the photograph cannot be shown";
    await ask(pictureOf(shown)).catch((error) => { reason = error.message; });
    if (state.shown !== shown) return;
    byId("stage").append(node("p", { class: "missing" }, reason));
    setReady(shown);
  };
  loaded.src = pictureOf(shown);
}

function showFacts(shown) {
  byId("name").textContent = shown.name;
  byId("name").title = shown.file;
  byId("verdict").textContent = WORDS[shown.verdict] ?? shown.verdict;
  byId("verdict").className = shown.verdict;
  // The verdict is shown before it.
  byId("reason").textContent = shown.reason.replace(/^(Good|Bad|Review): /, "");
  const facts = [["doubt", shown.doubt], ["scratch area", formatArea(shown.area, shown.area_unit)]];
  if (shown.p_bad !== null) facts.push(["p(Bad)", formatScore(shown.p_bad)]);
  facts.push(["size", `${shown.size[0]} \u00d7 ${shown.size[1]} px`]);
  const places = [shown.place, state.progress.total].map((value) => value.toLocaleString("en"));
  facts.push(["place", places.join(" of ")]);
  byId("facts").replaceChildren(
    ...facts.flatMap(([key, text]) => [node("dt", {}, key), node("dd", {}, text)]),
  );
  byId("previous").disabled = shown.previous === null;
  byId("following").disabled = shown.following === null;
}

function showDecision(decision) {
  for (const word of ["good", "bad", "skip"]) {
    byId(word).setAttribute("aria-pressed", String(decision === word));
  }
  byId("decided").hidden = decision === null;
  byId("decided").textContent = decision === null ? "" : `You said: ${WORDS[decision]}. Another answer replaces it.`;
}

function showOutlines(shown, svg) {
  const count = shown.outlines.length;
  byId("outlines-title").textContent = count ? countOf(count, "scratch found", "scratches found") : "No scratch found";
  byId("outlines-hint").hidden = !count;
  byId("outlines").replaceChildren(...listOutlines(shown, svg, strike));
  onOutlineClick(svg, strike);
  showStruck(shown.struck);
}

/** Show a photograph. */
async function show(imageId) {
  state.ready = false;
  delete byId("stage").dataset.ready;
  const known = state.coming?.image_id === imageId ? state.coming : null;
  state.coming = null;
  const shown = known ?? await ask(`/api/photographs/${imageId}`);
  state.shown = shown;
  byId("done").hidden = true;
  byId("review").hidden = false;
  const { svg, image } = drawReviewed(shown);
  byId("stage").replaceChildren(svg);
  byId("stage").classList.add("loading");
  state.zoom = makeZoom(svg, ...shown.size);
  state.zoom.reset();
  showFacts(shown);
  showDecision(shown.decision);
  showOutlines(shown, svg);
  loadPicture(shown, image);
  prefetch(shown);
}

/** Have the next photograph at hand before it is asked for. */
async function prefetch(shown) {
  const { next, after } = state.progress;
  const coming = next === shown.image_id ? after : next;
  if (coming === null || coming === shown.image_id) return;
  const following = await ask(`/api/photographs/${coming}`).catch(() => null);
  if (!following || state.shown !== shown) return;
  state.coming = following;
  new Image().src = pictureOf(following);
}

function showDone() {
  const { good, bad, skip, skipped, results } = state.progress;
  state.shown = null;
  byId("review").hidden = true;
  byId("done").hidden = false;
  byId("done-title").textContent = "All photographs are reviewed";
  byId("done-text").textContent = `${good} Good, ${bad} Bad, ${skip} skipped. This makes a training folder of them:`;
  byId("done-command").textContent = `scratch-d2 import ${results} --format review --out FOLDER`;
  byId("see-skipped").hidden = skipped === null;
  byId("see-skipped").textContent = `Look at ${countOf(skip, "skipped photograph", "skipped photographs")}`;
}

const showNext = () => (state.progress.next === null ? showDone() : show(state.progress.next));

function decide(decision) {
  attempt(async () => {
    const { shown, ready } = state;
    // A photograph that nobody has seen yet is not judged.
    if (!shown || !ready) return;
    const body = { decision, struck: shown.struck };
    showProgress(await ask(`/api/photographs/${shown.image_id}`, body));
    byId("said").textContent = `${shown.name}: ${WORDS[decision]}`;
    await showNext();
  });
}

/** Strike an outline out, or take it in again. */
function strike(index) {
  attempt(async () => {
    const { shown } = state;
    const struck = shown.struck.includes(index)
      ? shown.struck.filter((other) => other !== index)
      : [...shown.struck, index].sort((a, b) => a - b);
    showProgress(await ask(`/api/photographs/${shown.image_id}`, { decision: shown.decision, struck }));
    shown.struck = struck;
    showStruck(struck);
    byId("said").textContent = struck.includes(index) ? "struck out" : "taken in again";
  });
}

function undo() {
  attempt(async () => {
    const answer = await ask("/api/undo", {});
    state.coming = null; // its review may be what was taken back
    showProgress(answer);
    if (answer.undone === null) return;
    byId("said").textContent = "taken back";
    await show(answer.undone);
  });
}

function toggleOutlines() {
  const hidden = document.body.classList.toggle("without-outlines");
  byId("show-outlines").setAttribute("aria-pressed", String(!hidden));
}

const goTo = (imageId) => imageId !== null && attempt(() => show(imageId));
const STEP = 0.2;
const KEYS = {
  g: () => decide("good"),
  b: () => decide("bad"),
  s: () => decide("skip"),
  u: undo,
  o: toggleOutlines,
  p: () => goTo(state.shown.previous),
  n: () => goTo(state.shown.following),
  "+": () => state.zoom.by(1.5),
  "=": () => state.zoom.by(1.5),
  "-": () => state.zoom.by(1 / 1.5),
  0: () => state.zoom.reset(),
  ArrowLeft: () => state.zoom.move(-STEP, 0),
  ArrowRight: () => state.zoom.move(STEP, 0),
  ArrowUp: () => state.zoom.move(0, -STEP),
  ArrowDown: () => state.zoom.move(0, STEP),
};
const REPEATED = new Set(["+", "=", "-", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.repeat && !REPEATED.has(key)) return;
  if (!state.shown && key !== "u") return;
  const outline = /^[1-9]$/.test(key) ? state.shown.outlines[Number(key) - 1] : undefined;
  const act = outline ? () => strike(outline.index) : KEYS[key];
  if (!act) return;
  event.preventDefault();
  act();
}

function wire() {
  wireTheme(byId("theme"));
  document.addEventListener("keydown", onKey);
  for (const word of ["good", "bad", "skip"]) byId(word).addEventListener("click", () => decide(word));
  for (const id of ["undo", "done-undo"]) byId(id).addEventListener("click", undo);
  byId("show-outlines").addEventListener("click", toggleOutlines);
  for (const [id, key] of [["closer", "+"], ["farther", "-"], ["fit", "0"], ["previous", "p"], ["following", "n"]]) {
    byId(id).addEventListener("click", () => KEYS[key]());
  }
  byId("see-skipped").addEventListener("click", () => goTo(state.progress.skipped));
}

wire();
attempt(async () => {
  showProgress(await ask("/api/progress"));
  await showNext();
});
