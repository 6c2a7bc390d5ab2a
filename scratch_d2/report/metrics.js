// The area rule and the Good/Bad metrics, as scratch_d2.structures.verdict and
// scratch_d2.metrics.image_metrics compute them. Pure functions over plain values.

const GOOD = "good";
const BAD = "bad";
const REVIEW = "review";

/** What the gate alone decides: "good", "bad", or null where the area rule decides. */
function gateLabel(pBad, thresholds) {
  if (pBad === null) return null;
  if (pBad < thresholds.gate_threshold) return GOOD;
  const upper = thresholds.gate_upper_threshold ?? null;
  return upper !== null && pBad >= upper ? BAD : null;
}

// Scores nearer to 0 and 1 count as these.
const LEAST_P = 1e-4;

/** What areas are multiplied by before they are compared with the thresholds. */
function badOdds(pBad, thresholds) {
  if (pBad === null || (thresholds.area_scaling ?? "none") === "none") return 1;
  const p = Math.min(Math.max(pBad, LEAST_P), 1 - LEAST_P);
  return p / (1 - p);
}

/** The areas of all images as they are compared with the thresholds. */
function scaledAreas(images, thresholds) {
  return images.area.map((area, i) => area * badOdds(images.p_bad?.[i] ?? null, thresholds));
}

/** "good", "bad" or "review" by the area rule, for an area in the unit of the thresholds. */
function areaLabel(area, pBad, thresholds) {
  const scaled = area * badOdds(pBad, thresholds);
  const [low, high] = thresholds.review_band ?? [Infinity, Infinity];
  if (low <= scaled && scaled < high) return REVIEW;
  return scaled >= thresholds.area ? BAD : GOOD;
}

/** "good", "bad" or "review" for a scratch area and the score of the gate (null without one). */
function decide(area, pBad, thresholds) {
  const [gate, rule] = [gateLabel(pBad, thresholds), areaLabel(area, pBad, thresholds)];
  const opposite = (gate === GOOD && rule === BAD) || (gate === BAD && rule === GOOD);
  if (thresholds.review_disagreement && opposite) return REVIEW;
  return gate ?? rule;
}

const TIE_BREAK = 1e-6;
const BELOW_1 = 1 - 2 ** -53;

/** How near an image is to not being called Good: from 1 on it is not. */
function decisionScore(area, pBad, thresholds) {
  const shareOf = (value, threshold) => (threshold > 0 ? value / threshold : Infinity);
  const limit = Math.min(thresholds.area, ...(thresholds.review_band ?? []));
  let score = shareOf(area * badOdds(pBad, thresholds), limit);
  if (!thresholds.review_disagreement) {
    score = Math.min(score, shareOf(pBad, thresholds.gate_threshold));
  }
  const upper = thresholds.gate_upper_threshold ?? null;
  if (upper !== null) score = Math.max(score, shareOf(pBad, upper));
  return score < 1 ? Math.min(score + TIE_BREAK * pBad, BELOW_1) : score;
}

/**
 * Judge all images: {labels, passed, judges: {area, gate, both: {called, score}}}.
 * "review" counts as called Bad; without gate scores "area" is the only judge.
 */
function judgeAll(images, thresholds) {
  const alone = images.area.map((area, i) => areaLabel(area, images.p_bad?.[i] ?? null, thresholds));
  const called = alone.map((label) => label !== GOOD);
  const area = { called, score: scaledAreas(images, thresholds) };
  if (!images.p_bad) {
    return { labels: alone, passed: alone.map(() => false), judges: { area } };
  }
  const passed = images.p_bad.map((pBad) => gateLabel(pBad, thresholds) === GOOD);
  const gate = { called: passed.map((pass) => !pass), score: images.p_bad };
  const scores = images.area.map((value, i) => decisionScore(value, images.p_bad[i], thresholds));
  const both = { called: scores.map((score) => score >= 1), score: scores };
  const labels = images.area.map((value, i) => decide(value, images.p_bad[i], thresholds));
  return { labels, passed, judges: { area, gate, both } };
}

/** What a verdict is worth: one of OUTCOMES. */
function outcomeOf(bad, label) {
  if (label === REVIEW) return "review";
  if (bad) return label === BAD ? "found" : "missed";
  return label === BAD ? "alarm" : "cleared";
}

const largest = (numbers) => numbers.reduce((most, number) => Math.max(most, number), -Infinity);
const share = (part, whole) => (whole ? part / whole : 0);

/** Precision, recall and F1 of one class from its hits, what is of it and what is called so. */
function classFigures(hits, real, called) {
  return {
    precision: share(hits, called),
    recall: share(hits, real),
    F1: share(2 * hits, real + called),
  };
}

/** Good/Bad figures of judged images; without any image all but the counts are NaN. */
function figuresOf(bad, called) {
  const n = { tp: 0, fp: 0, fn: 0, tn: 0 };
  for (let i = 0; i < bad.length; i += 1) {
    n[called[i] ? (bad[i] ? "tp" : "fp") : (bad[i] ? "fn" : "tn")] += 1;
  }
  const allBad = n.fn + n.tp;
  const allGood = n.tn + n.fp;
  const ofBad = classFigures(n.tp, allBad, n.fp + n.tp);
  const ofGood = classFigures(n.tn, allGood, n.tn + n.fn);
  const figures = { ...n, accuracy: (n.tn + n.tp) / bad.length };
  for (const name of ["precision", "recall", "F1"]) {
    figures[`${name}_bad`] = bad.length ? ofBad[name] : NaN;
    figures[`${name}_good`] = bad.length ? ofGood[name] : NaN;
    figures[`${name}_macro`] = bad.length ? (ofGood[name] + ofBad[name]) / 2 : NaN;
  }
  return figures;
}

/** Cumulative counts [{score, hits, alarms}] from the highest score down, one per distinct score. */
function rank(bad, score) {
  const order = Array.from(score.keys()).sort((a, b) => score[b] - score[a]);
  const points = [];
  let hits = 0;
  let alarms = 0;
  order.forEach((index, place) => {
    if (bad[index]) hits += 1;
    else alarms += 1;
    const last = place + 1 === order.length || score[order[place + 1]] !== score[index];
    if (last) points.push({ score: score[index], hits, alarms });
  });
  return points;
}

/** Area under the ROC curve; NaN without a Bad or without a Good image. */
function areaUnderRoc(points) {
  const { hits: allBad, alarms: allGood } = points.at(-1) ?? { hits: 0, alarms: 0 };
  let area = 0;
  let before = { hits: 0, alarms: 0 };
  for (const point of points) {
    area += ((point.alarms - before.alarms) * (point.hits + before.hits)) / 2;
    before = point;
  }
  return allBad && allGood ? area / (allBad * allGood) : NaN;
}

/** Average precision of Bad; NaN without a Bad or without a Good image. */
function averagePrecision(points) {
  const { hits: allBad, alarms: allGood } = points.at(-1) ?? { hits: 0, alarms: 0 };
  let sum = 0;
  let hits = 0;
  for (const point of points) {
    sum += ((point.hits - hits) / allBad) * (point.hits / (point.hits + point.alarms));
    hits = point.hits;
  }
  return allBad && allGood ? sum : NaN;
}

/** The distinct values, ascending. */
const distinctOf = (values) => [...new Set(values)].sort((a, b) => a - b);

/** How many of ascending values lie below a threshold: the place of its outcome. */
function placeOf(distinct, threshold) {
  let [low, high] = [0, distinct.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (distinct[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Missed Bad images and false alarms at each of `count` steps of a threshold: {missed, alarms}.
 * `fixed[i]` is what the other rules make of an image whatever the step, "missed", "cleared" or
 * "review", and null where the step decides.
 */
function tradeOff(images, values, distinct, count, fixed) {
  const missed = new Array(count + 1).fill(0);
  const alarms = new Array(count + 1).fill(0);
  values.forEach((value, i) => {
    const place = placeOf(distinct, value);
    if (images.bad[i]) {
      if (fixed[i] === null) missed[place + 1] += 1;
      else if (fixed[i] === "missed") missed[0] += 1;
    } else if (fixed[i] === null) alarms[place] += 1;
    else if (fixed[i] === "alarm") alarms[count - 1] += 1;
  });
  for (let i = 1; i < count; i += 1) missed[i] += missed[i - 1];
  for (let i = count - 2; i >= 0; i -= 1) alarms[i] += alarms[i + 1];
  return { missed: missed.slice(0, count), alarms: alarms.slice(0, count) };
}

const outcomeIf = (isBad, calledBad) => {
  if (calledBad) return isBad ? "found" : "alarm";
  return isBad ? "missed" : "cleared";
};

/** Outcomes that the area's threshold cannot change; null where it decides. */
function fixedForArea(images, thresholds) {
  return images.area.map((area, i) => {
    const pBad = images.p_bad?.[i] ?? null;
    const gate = gateLabel(pBad, thresholds);
    const inBand = areaLabel(area, pBad, thresholds) === REVIEW;
    const isBad = images.bad[i];
    if (gate === null) return inBand ? "review" : null;
    if (!thresholds.review_disagreement || inBand) return outcomeIf(isBad, gate === BAD);
    // A disagreement is for review: neither missed nor a false positive.
    if (gate === GOOD) return isBad ? null : "cleared";
    return isBad ? "found" : null;
  });
}

/** Outcomes that the gate's upper threshold cannot change; null where it decides. */
function fixedForUpper(images, thresholds) {
  return images.area.map((area, i) => {
    const rule = areaLabel(area, images.p_bad[i], thresholds);
    const isBad = images.bad[i];
    if (images.p_bad[i] < thresholds.gate_threshold) {
      const disputed = thresholds.review_disagreement && rule === BAD;
      return disputed ? "review" : outcomeIf(isBad, false);
    }
    if (rule === BAD) return outcomeIf(isBad, true);
    if (rule === REVIEW) return isBad ? "found" : null;
    return thresholds.review_disagreement && !isBad ? "cleared" : null;
  });
}

/** Outcomes that the gate's threshold cannot change; null where it decides. */
function fixedForGate(images, thresholds) {
  const upper = thresholds.gate_upper_threshold ?? null;
  return images.area.map((area, i) => {
    const rule = areaLabel(area, images.p_bad[i], thresholds);
    const isBad = images.bad[i];
    if (upper !== null && images.p_bad[i] >= upper) {
      const disputed = thresholds.review_disagreement && rule === GOOD;
      return disputed ? "review" : outcomeIf(isBad, true);
    }
    if (rule === GOOD) return outcomeIf(isBad, false);
    if (rule === REVIEW) return isBad ? null : "review";
    return thresholds.review_disagreement && isBad ? "found" : null;
  });
}
