// Numbers as people read them, and the reason of a verdict in one sentence, as
// scratch_d2.structures.wording and scratch_d2.structures.verdict write them.

const MOST_DECIMALS = 6;
const LARGEST = 1e15;
// By area unit: what a value is multiplied by, its significant digits, what follows the number.
const AREA_FORMATS = { pixel: [1, 4, " px"], fraction: [100, 2, "%"], mm2: [1, 3, " mm²"] };
// By unit, lower limits of a scaled area are only said to be below this.
const LEAST_STATED = { pixel: 1, fraction: 1e-4, mm2: 0.01 };
// What an area is a part of, by unit.
const AREA_OF = { fraction: " of the image" };

/** How many decimals a number needs for so many significant digits. */
function decimalsOf(value, significant) {
  let decimals = 0;
  const enough = 10 ** (significant - 1);
  const isShort = () => value > 0 && value * 10 ** decimals < enough;
  while (isShort() && decimals < MOST_DECIMALS) decimals += 1;
  return decimals;
}

/** A number rounded half up, without trailing zeros. */
function roundTo(value, decimals) {
  const power = 10 ** Math.min(decimals, MOST_DECIMALS);
  const text = (Math.floor(Math.min(value, LARGEST) * power + 0.5) / power).toFixed(MOST_DECIMALS);
  return text.replace(/\.?0+$/, "");
}

/** Numbers with so many significant digits, and more decimals where two look equal. */
function formatApart(values, significant, most) {
  let texts = [];
  for (let more = 0; more <= MOST_DECIMALS; more += 1) {
    const start = (value) => Math.min(most, decimalsOf(value, significant));
    texts = values.map((value) => roundTo(value, start(value) + more));
    if (new Set(texts).size === new Set(values).size) break;
  }
  return texts;
}

/** Scratch areas in words, such as "0.8%", all in one unit, with `least` digits or more. */
function formatAreas(areas, unit, least = 1) {
  const [factor, significant, suffix] = AREA_FORMATS[unit];
  const scaled = areas.map((area) => factor * area);
  return formatApart(scaled, Math.max(significant, least), MOST_DECIMALS).map((text) => text + suffix);
}

/** Numbers of 0..1 as percentages, such as "53%" or "0.4%". */
function formatShares(shares) {
  return formatApart(shares.map((share) => 100 * share), 2, 1).map((text) => `${text}%`);
}

/** The reason of a verdict in one sentence. */
function reasonOf(images, thresholds, i) {
  const pBad = images.p_bad ? images.p_bad[i] : null;
  const [area, count] = [images.area[i], images.count[i]];
  const [gate, label] = [gateLabel(pBad, thresholds), decide(area, pBad, thresholds)];
  const found = describeScratches(count, area, pBad, thresholds);
  let text = found;
  if (pBad !== null) {
    const stated = describeSuspicion(pBad, gate, thresholds);
    if (gate === null && label === GOOD && !count) text = `suspicious ${stated}, but ${found}`;
    else if (gate !== null) {
      text = `${gate === GOOD ? "nothing" : "very"} suspicious ${stated}`;
      const joint = label === REVIEW ? ", but " : "; ";
      text += gate === GOOD && label === GOOD ? "" : joint + found;
    }
  }
  return `${label[0].toUpperCase()}${label.slice(1)}: ${text}`;
}

/** The gate's score beside the limit that decided. */
function describeSuspicion(pBad, gate, thresholds) {
  const limit = gate === BAD ? thresholds.gate_upper_threshold : thresholds.gate_threshold;
  const [score, bound] = formatShares([pBad, limit]);
  return `(suspicion ${score}, limit ${bound})`;
}

/** What was found, beside the limits of the area at this suspicion. */
function describeScratches(count, area, pBad, thresholds) {
  const unit = thresholds.area_unit;
  const label = areaLabel(area, pBad, thresholds);
  if (!count && label === GOOD) return "no scratch found";
  const stated = label === REVIEW ? thresholds.review_band : [thresholds.area];
  const limits = stated.map((limit) => limit / badOdds(pBad, thresholds));
  const scaled = pBad !== null && (thresholds.area_scaling ?? "none") !== "none";
  // How small a limit is that leaves next to nothing says little.
  const least = LEAST_STATED[unit];
  const tiny = scaled && label !== REVIEW && limits[0] < least && least <= area;
  const [covered, ...bounds] = formatAreas([area, ...(tiny ? [least] : limits)], unit);
  let bound = `limit ${tiny ? "below " : ""}${bounds[0]}`;
  if (label === REVIEW) bound = `review from ${bounds.join(" to ")}`;
  // If the gate decided, its suspicion has been stated.
  if (scaled && !gateLabel(pBad, thresholds)) bound += ` at a suspicion of ${formatShares([pBad])[0]}`;
  if (!count) return `no scratch found (${bound})`;
  const found = count === 1 ? "1 scratch covers" : `${count} scratches cover`;
  const how = thresholds.area_method === "weighted" ? ", weighted by score" : "";
  return `${found} ${covered}${AREA_OF[unit] ?? ""}${how} (${bound})`;
}
