// This evaluation beside another one of the same images, from that one's images.jsonl.

/** The last two parts of a path, by which images of two evaluations are matched. */
const shortPath = (path) => path.split(/[/\\]/).slice(-2).join("/");

/** Read images.jsonl: a Map from short path to row. Throws an Error that says what is wrong. */
function readImages(text) {
  const rows = new Map();
  text.split("\n").forEach((line, i) => {
    if (!line.trim()) return;
    let row = null;
    try {
      row = JSON.parse(line);
    } catch {
      throw new Error(`line ${i + 1} is not JSON; choose the images.jsonl of an evaluation`);
    }
    if (typeof row?.file !== "string" || ![GOOD, BAD, REVIEW].includes(row.label)) {
      throw new Error(`line ${i + 1} has no file and label; choose the images.jsonl of an evaluation`);
    }
    const key = shortPath(row.file);
    if (rows.has(key)) throw new Error(`two images there are named ${key}`);
    rows.set(key, row);
  });
  if (!rows.size) throw new Error("the file is empty");
  return rows;
}

/** The row of the other evaluation for each image here; null where it has none. */
function matchImages(images, rows) {
  const count = {};
  const keys = images.file.map(shortPath);
  for (const key of keys) count[key] = (count[key] ?? 0) + 1;
  return keys.map((key) => (count[key] === 1 ? rows.get(key) ?? null : null));
}

/** How many matched images are Bad in one evaluation and Good in the other. */
function otherTruths(images, others) {
  // The key is "bad" in evaluations of earlier releases.
  const truthOf = (row) => row.y_true ?? row.bad;
  return others.filter((row, i) => row && truthOf(row) !== Boolean(images.bad[i])).length;
}

/**
 * Count the matched images of each truth by who judges them not Good:
 * {bad: {both, here, there, neither}, good: {...}}.
 */
function crossCount(images, labels, others) {
  const counts = {};
  for (const truth of [BAD, GOOD]) counts[truth] = { both: 0, here: 0, there: 0, neither: 0 };
  others.forEach((other, i) => {
    if (!other) return;
    const [here, there] = [labels[i] !== GOOD, other.label !== GOOD];
    const cell = here ? (there ? "both" : "here") : (there ? "there" : "neither");
    counts[images.bad[i] ? BAD : GOOD][cell] += 1;
  });
  return counts;
}

/** What the other evaluation says of an image, in words. */
function otherInWords(other, unit) {
  const titles = { good: "Good", bad: "Bad", review: "for review" };
  const parts = [titles[other.label], formatArea(other.area, unit)];
  if (isNumber(other.p_bad)) parts.push(`p(Bad) ${formatScore(other.p_bad)}`);
  return parts.join(", ");
}

function renderComparison(images, labels, others) {
  const counts = crossCount(images, labels, others);
  const titles = { bad: "Bad, found by", good: "Good, judged Bad or for review by" };
  const columns = { both: "both", here: "this one only", there: "the other only", neither: "neither" };
  const head = Object.values(columns).map((title) => node("th", { scope: "col" }, title));
  const rows = [BAD, GOOD].map((truth) => node(
    "tr",
    {},
    node("th", { scope: "row" }, titles[truth]),
    ...Object.keys(columns).map((name) => node("td", {}, String(counts[truth][name]))),
  ));
  byId("comparison").replaceChildren(
    node("thead", {}, node("tr", {}, node("td"), ...head)),
    node("tbody", {}, ...rows),
  );
}

/**
 * Wire the choice of another evaluation. `onChange()` is called when one has been read. Returns
 * {others, refresh(labels)}; `others` is null until then.
 */
function wireComparison(images, onChange) {
  const comparison = { others: null };
  comparison.refresh = (labels) => {
    if (comparison.others) renderComparison(images, labels, comparison.others);
  };
  byId("other-file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const rows = readImages(await file.text());
      comparison.others = matchImages(images, rows);
      const matched = comparison.others.filter(Boolean).length;
      const odd = otherTruths(images, comparison.others);
      const notes = [`${matched} of ${countOf(images.file.length, "image", "images")} here are among the ${rows.size} there.`];
      if (odd) notes.push(`${odd} of them ${odd === 1 ? "has" : "have"} another truth there.`);
      byId("other-problem").textContent = matched ? "" : "No image here has a counterpart there.";
      byId("other-notes").textContent = notes.join(" ");
    } catch (error) {
      comparison.others = null;
      byId("other-problem").textContent = `${file.name}: ${error.message}`;
      byId("other-notes").textContent = "";
    }
    byId("comparison").replaceChildren();
    showWhere({ other: comparison.others?.some(Boolean) });
    onChange();
  });
  return comparison;
}
