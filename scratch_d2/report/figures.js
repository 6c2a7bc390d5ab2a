// What the thresholds in force are worth: headline, rule, confusion and figures per judge.

const FIGURE_COLUMNS = [
  ["Bad", "precision_bad", "recall_bad", "F1_bad"],
  ["Good", "precision_good", "recall_good", "F1_good"],
  ["mean of both", "precision_macro", "recall_macro", "F1_macro"],
  ["", "accuracy"],
  ["score", "AUC", "AP_bad"],
];
const COLUMN_TITLES = { AUC: "ROC AUC", AP_bad: "AP" };

/** Count the outcomes of all images: {missed, alarm, review, found, cleared}. */
function countOutcomes(outcomes) {
  const counts = Object.fromEntries(Object.keys(OUTCOMES).map((name) => [name, 0]));
  for (const outcome of outcomes) counts[outcome] += 1;
  return counts;
}

/** The decision in one sentence. */
function headline(images, judged) {
  const review = { bad: 0, good: 0 };
  const n = { bad: 0, good: 0, badFound: 0, goodCalledBad: 0 };
  judged.labels.forEach((label, i) => {
    const truth = images.bad[i] ? "bad" : "good";
    n[truth] += 1;
    if (label === REVIEW) review[truth] += 1;
    if (truth === "bad" && label !== GOOD) n.badFound += 1;
    if (truth === "good" && label === BAD) n.goodCalledBad += 1;
  });
  if (!n.bad && !n.good) return "There are no images here.";
  const byReview = review.bad ? `, ${review.bad} of them by review` : "";
  const found = n.bad
    ? `${n.badFound} of ${countOf(n.bad, "Bad image", "Bad images")} found${byReview}`
    : "No Bad images here";
  const sent = review.good ? `, ${review.good} more sent to review` : "";
  const alarms = n.good
    ? `${n.goodCalledBad} of ${n.good} Good judged Bad${sent}`
    : "no Good images here";
  return `${found}; ${alarms}.`;
}

/** The rule in force, sentence by sentence. */
function ruleInWords(thresholds, gated) {
  const unit = thresholds.area_unit;
  const scaled = (thresholds.area_scaling ?? "none") !== "none";
  const times = scaled ? " times (1 \u2212 p) / p" : "";
  const parts = [
    `An image is Bad with a scratch area of ${formatArea(thresholds.area, unit)}${times} or more `
      + `(${thresholds.area_method} area of scratches with a score of ${thresholds.score} or more).`,
  ];
  if (scaled) {
    const at = (p) => `${formatArea(thresholds.area / badOdds(p, thresholds), unit)} at ${p}`;
    parts.push(`p is p(Bad): the limit is ${at(0.8)} and ${at(0.95)}.`);
  }
  if (thresholds.review_band) {
    const [low, high] = thresholds.review_band.map((area) => formatArea(area, unit));
    parts.push(`From ${low}${times} to below ${high}${times} it goes to review instead.`);
  }
  if (gated) {
    const skip = formatShort(thresholds.gate_threshold);
    parts.push(`With a p(Bad) below ${skip} it is Good by the gate alone, without the detector.`);
    const upper = thresholds.gate_upper_threshold ?? null;
    if (upper !== null) parts.push(`From a p(Bad) of ${formatShort(upper)} on it is Bad whatever its area.`);
  }
  return parts.join(" ");
}

/** Fill the table of Good and Bad against the verdicts. */
function renderConfusion(images, judged, banded) {
  const verdicts = banded ? [GOOD, REVIEW, BAD] : [GOOD, BAD];
  const titles = { good: "Good", review: "review", bad: "Bad" };
  const rows = [GOOD, BAD].map((truth) => {
    const of = judged.labels.filter((_, i) => Boolean(images.bad[i]) === (truth === BAD));
    const cells = verdicts.map((verdict) => {
      const count = of.filter((label) => label === verdict).length;
      const kind = verdict === REVIEW ? "review" : verdict === truth ? "right" : "wrong";
      const part = of.length ? formatPercent(count / of.length) : DASH;
      return node(
        "td",
        { class: kind, "data-figure": `${truth}_labelled_${verdict}` },
        node("b", {}, String(count)),
        node("span", {}, part),
      );
    });
    return node("tr", {}, node("th", { scope: "row" }, `is ${titles[truth]}`), ...cells);
  });
  const head = verdicts.map((verdict) => {
    const words = verdict === REVIEW ? "for review" : `judged ${titles[verdict]}`;
    return node("th", { scope: "col" }, words);
  });
  byId("confusion").replaceChildren(
    node("thead", {}, node("tr", {}, node("td"), ...head)),
    node("tbody", {}, ...rows),
  );
}

/** Make the table of figures, a row per judge; returns update({judge: figures}). */
function makeFigureTable(table, judges) {
  const groups = FIGURE_COLUMNS.map(([title, ...names]) => {
    const attributes = { scope: "colgroup", colspan: names.length, class: "first" };
    return node(title ? "th" : "td", attributes, title);
  });
  const titles = FIGURE_COLUMNS.flatMap(([, ...names]) => names.map((name, i) => {
    const words = COLUMN_TITLES[name] ?? name.split("_")[0];
    return node("th", { scope: "col", class: i ? null : "first" }, words);
  }));
  table.append(
    node("thead", {}, node("tr", {}, node("td"), ...groups), node("tr", {}, node("td"), ...titles)),
  );
  const cells = {};
  const rows = judges.map((judge) => {
    const values = FIGURE_COLUMNS.flatMap(([, ...names]) => names.map((name, i) => {
      const key = `${judge}_${name}`;
      cells[key] = node("td", { "data-figure": key, class: i ? null : "first" });
      return cells[key];
    }));
    const key = node("span", { class: `key ${judge}` });
    return node("tr", {}, node("th", { scope: "row" }, key, JUDGE_TITLES[judge]), ...values);
  });
  table.append(node("tbody", {}, ...rows));
  return (figures) => {
    for (const judge of judges) {
      for (const name of FIGURE_COLUMNS.flatMap(([, ...names]) => names)) {
        showFigure(cells[`${judge}_${name}`], figures[judge][name]);
      }
    }
  };
}

/** Write a figure to three digits, and all of them into the title. */
function showFigure(element, value) {
  element.textContent = formatFigure(value);
  element.title = isNumber(value) ? value : "not known without Good and Bad images";
}

/** Write the figures of the decision large, with intervals where they are known. */
function renderTiles(figures, intervals) {
  for (const name of ["recall_bad", "precision_bad", "F1_bad", "accuracy"]) {
    showFigure(byId(`tile-${name}`), figures[name]);
    const ends = intervals?.[name];
    byId(`tile-${name}-interval`).textContent = ends
      ? `${formatFigure(ends[0])} to ${formatFigure(ends[1])}`
      : "\u00a0";
  }
}

/** Write how many images the gate lets pass, and the counts that change with every step. */
function renderTallies(counts, passed) {
  for (const name of ["missed", "alarm", "review"]) {
    byId(`tally-${name}`).textContent = counts[name];
  }
  if (!passed) return;
  const skipped = passed.filter(Boolean).length;
  byId("tally-skipped").textContent = `${skipped} (${formatPercent(skipped / passed.length)})`;
}
