// The page: thresholds in, everything else follows from them.

const data = JSON.parse(byId("data").textContent);
const { images, thresholds: saved } = data;
// No control changes how areas are scaled.
const scaled = scaledAreas(images, saved);
// After a run of predict the detector has not seen images with a lower p(Bad): what the area rule
// would say of them is not known.
const unseenBelow = data.about.unseen_below ?? 0;
const judges = images.p_bad ? ["area", "gate", "both"].slice(unseenBelow ? 1 : 0) : ["area"];
const decider = judges.at(-1);
const counted = { bad: images.bad.filter(Boolean).length, all: images.bad.length };
const thresholds = { ...saved };
const view = { judged: null, outcomes: [], figures: {}, ranked: {}, drawn: null };
let gallery = null;
let comparison = null;

const controls = {
  area: wireThreshold({
    id: "area",
    values: scaled,
    outcomes: data.steps.area,
    ceiling: Infinity,
    saved: saved.area,
    onChange: (area, field) => change({ area }, field),
  }),
  gate: images.p_bad && wireThreshold({
    id: "gate",
    values: images.p_bad,
    outcomes: data.steps.gate,
    lowest: unseenBelow,
    ceiling: 1,
    saved: saved.gate_threshold,
    onChange: (skip, field) => change({ gate_threshold: skip }, field),
  }),
  upper: images.p_bad && wireOptionalThreshold({
    id: "upper",
    values: images.p_bad,
    outcomes: data.steps.gate,
    lowest: unseenBelow,
    ceiling: 1,
    saved: saved.gate_upper_threshold ?? null,
    initial: Math.max(0.95, saved.gate_threshold),
    onChange: (upper, field) => change({ gate_upper_threshold: upper }, field),
  }),
  review: wireReviewBand(
    () => thresholds.area,
    (band, field) => change({ review_band: band }, field),
  ),
};

const plots = counted.bad && counted.bad < counted.all ? makePlots() : null;
const updateTable = makeFigureTable(byId("figures"), judges);

function makePlots() {
  const roc = makePlot({
    title: "ROC",
    xTitle: "Good judged Bad (false positive rate)",
    yTitle: "Bad found (recall)",
    names: judges,
    backdrop: `M${place(0, 0)}L${place(1, 1)}`,
  });
  const rate = counted.bad / counted.all;
  const precisionRecall = makePlot({
    title: "Precision and recall of Bad",
    xTitle: "recall (Bad)",
    yTitle: "precision (Bad)",
    names: judges,
    backdrop: `M${place(0, rate)}L${place(1, rate)}`,
  });
  byId("roc").append(roc.svg);
  byId("precision-recall").append(precisionRecall.svg);
  return { roc, precisionRecall };
}

/** Take new thresholds and show what they do; `typedInto` is a field to be left as it is. */
function change(values, typedInto = null) {
  Object.assign(thresholds, values);
  keepGateInOrder(values);
  delete view.ranked.both;
  view.judged = judgeAll(images, thresholds);
  view.outcomes = images.bad.map((bad, i) => outcomeOf(bad, view.judged.labels[i]));
  for (const judge of judges) view.figures[judge] = figuresOfJudge(judge);
  showControls(typedInto);
  showFigures();
  window.cancelAnimationFrame(view.frame);
  view.frame = window.requestAnimationFrame(showImages);
}

/** The gate's two thresholds do not cross: the one that stood still goes along. */
function keepGateInOrder(values) {
  const upper = thresholds.gate_upper_threshold ?? null;
  if (upper === null || upper >= thresholds.gate_threshold) return;
  if ("gate_upper_threshold" in values) thresholds.gate_threshold = upper;
  else thresholds.gate_upper_threshold = thresholds.gate_threshold;
}

function showImages() {
  comparison.refresh(view.judged.labels);
  gallery.refresh(view.outcomes);
}

/** Whether the other evaluation judges an image otherwise. */
function differs(i) {
  const other = comparison.others?.[i];
  return Boolean(other) && other.label !== view.judged.labels[i];
}

function figuresOfJudge(judge) {
  const { called, score } = view.judged.judges[judge];
  view.ranked[judge] ??= rankedCurves(score);
  const { auc, ap } = view.ranked[judge];
  return { ...figuresOf(images.bad, called), AUC: auc, AP_bad: ap };
}

/** A score's figures and curves, which stay while the score does. */
function rankedCurves(score) {
  const points = rank(images.bad, score);
  const curves = plots && { roc: rocPoints(points), pr: precisionRecallPoints(points) };
  return { auc: areaUnderRoc(points), ap: averagePrecision(points), curves };
}

function showControls(typedInto) {
  const counts = countOutcomes(view.outcomes);
  const outcome = `${counts.missed} missed, ${countOf(counts.alarm, "false positive", "false positives")}`;
  const { area, gate, upper, review } = controls;
  const said = `${formatArea(thresholds.area, thresholds.area_unit)}: ${outcome}`;
  area.show(thresholds.area, said, typedInto);
  const fixedByGate = fixedForArea(images, thresholds);
  area.strip(
    tradeOff(images, scaled, area.distinct, area.steps.length, fixedByGate),
    thresholds.area,
  );
  if (gate) {
    gate.show(thresholds.gate_threshold, `${formatShort(thresholds.gate_threshold)}: ${outcome}`, typedInto);
    const fixedByArea = fixedForGate(images, thresholds);
    gate.strip(
      tradeOff(images, images.p_bad, gate.distinct, gate.steps.length, fixedByArea),
      thresholds.gate_threshold,
    );
  }
  if (upper) {
    const step = thresholds.gate_upper_threshold ?? null;
    upper.show(step, `${formatShort(step ?? 1)}: ${outcome}`, typedInto);
    const fixed = fixedForUpper(images, thresholds);
    if (step !== null) {
      upper.strip(tradeOff(images, images.p_bad, upper.distinct, upper.steps.length, fixed), step);
    }
  }
  review.show(thresholds.review_band, typedInto);
  showWhere({ band: thresholds.review_band });
  renderTallies(counts, images.p_bad && view.judged.passed);
  byId("reset").disabled = !areMoved();
}

/** Whether the thresholds are others than the saved ones. */
function areMoved() {
  const names = ["area", "gate_threshold", "gate_upper_threshold"];
  return names.some((name) => (thresholds[name] ?? null) !== (saved[name] ?? null))
    || JSON.stringify(thresholds.review_band) !== JSON.stringify(saved.review_band);
}

function showFigures() {
  byId("headline").textContent = headline(images, view.judged);
  byId("rule").textContent = ruleInWords(thresholds, Boolean(images.p_bad));
  renderConfusion(images, view.judged, thresholds.review_band !== null);
  updateTable(view.figures);
  view.intervals = null;
  renderTiles(view.figures[decider], null);
  window.clearTimeout(view.timer);
  view.timer = window.setTimeout(showIntervals, 120);
  if (!plots) return;
  for (const judge of judges) {
    const { curves } = view.ranked[judge];
    const f = view.figures[judge];
    const alarmRate = f.fp / (counted.all - counted.bad);
    plots.roc.update(judge, curves.roc, [alarmRate, f.recall_bad]);
    const calls = f.tp + f.fp;
    plots.precisionRecall.update(judge, curves.pr, calls ? [f.recall_bad, f.precision_bad] : null);
  }
}

function showIntervals() {
  if (!counted.all) return;
  const intervals = areMoved() ? liveIntervals() : savedIntervals(data.results.image ?? {});
  view.intervals = intervals;
  renderTiles(view.figures[decider], intervals);
}

function liveIntervals() {
  view.drawn ??= drawGroups(largest(images.group) + 1);
  return intervalsOf(images, view.judged.judges[decider].called, view.drawn);
}

/** The intervals that the evaluation itself drew; the page's own draws would differ a little. */
function savedIntervals(figures) {
  const names = ["recall_bad", "precision_bad", "F1_bad", "accuracy"];
  return Object.fromEntries(names.map((name) => {
    const ends = ["low", "high"].map((end) => figures[`${decider}_${name}_${end}`]);
    return [name, ends.every(isNumber) ? ends : null];
  }));
}

/** The thresholds in force as scratch_d2.inspection.verdict.Thresholds reads them. */
function thresholdsFile() {
  const figures = Object.entries(view.figures[decider]).filter(([, value]) => isNumber(value));
  const calibration = {
    method: "chosen by hand in report.html",
    dataset: data.about.dataset ?? null,
    data_sha256: data.about.data_sha256 ?? null,
    images: counted.all,
    bad: counted.bad,
    metrics: Object.fromEntries(figures),
  };
  for (const key of ["weights_sha256", "gate_sha256"]) {
    if (key in data.about) calibration[key] = data.about[key];
  }
  return `${JSON.stringify({ ...thresholds, calibration }, null, 2)}\n`;
}

/** Show the parts of the page that need what is there, and hide those that need what is not. */
function showWhere(there) {
  for (const element of document.querySelectorAll("[data-needs]")) {
    const { needs } = element.dataset;
    if (needs in there) element.hidden = !there[needs];
  }
}

/** Print what is folded away, too. */
function wirePrinting() {
  const details = document.querySelector("#results details");
  let open = false;
  window.addEventListener("beforeprint", () => {
    open = details.open;
    details.open = true;
  });
  window.addEventListener("afterprint", () => {
    details.open = open;
  });
}

function wireOutlines() {
  for (const box of document.querySelectorAll("[data-outline]")) {
    box.addEventListener("input", () => {
      const { outline } = box.dataset;
      document.body.classList.toggle(`without-${outline}`, !box.checked);
      for (const twin of document.querySelectorAll(`[data-outline=${outline}]`)) {
        twin.checked = box.checked;
      }
    });
  }
}

function wireDownloads() {
  const offer = (id, name, make, type) => {
    byId(id).addEventListener("click", () => download(name, make(), type));
  };
  offer("download", "thresholds.json", thresholdsFile);
  offer("download-metrics", "metrics.csv", () => {
    showIntervals();
    return toCsv(metricRows(judges, view.figures, view.intervals));
  }, "text/csv");
  offer("download-images", "images.csv", () => {
    const { order, outcomes } = gallery;
    return toCsv(imageRows(data, order, outcomes, view.judged.labels, thresholds));
  }, "text/csv");
}

function start() {
  const name = data.about.dataset ?? "evaluation";
  document.title = `${name}: inspection report`;
  byId("dataset").textContent = name;
  const good = counted.all - counted.bad;
  byId("size").textContent = `${countOf(counted.all, "image", "images")}: ${good} Good, ${counted.bad} Bad`;
  const odds = saved.area_scaling === "odds";
  const shown = { gate: images.p_bad, curves: plots, "no-curves": !plots, unseen: unseenBelow, odds };
  showWhere({ ...shown, other: false });
  byId("unseen-below").textContent = formatShort(unseenBelow);
  byId("area-unit").textContent = UNIT_SIGNS[saved.area_unit];
  renderAbout(data.about);
  renderResults(data.results);
  wireTheme(byId("theme"));
  wireOutlines();
  wirePrinting();
  const viewer = { open: null };
  comparison = wireComparison(images, showImages);
  gallery = makeGallery(data, (i) => viewer.open(i), differs);
  viewer.open = makeDialog(data, gallery, () => ({ thresholds, others: comparison.others })).open;
  wireDownloads();
  byId("reset").addEventListener("click", () => change({ ...saved }));
  change({ ...saved });
}

start();
