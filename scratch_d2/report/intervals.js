// 95% intervals by drawing whole groups of images anew, as scratch_d2.metrics.bootstrap does:
// photographs of one label are no independent trials.

const REPLICATES = 1000;

/** Numbers in 0..1 that are the same on every opening of the page (Mulberry32). */
function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** How often each of `groups` groups is drawn in each replicate, replicate by replicate. */
function drawGroups(groups) {
  const random = seededRandom(1);
  const drawn = new Uint16Array(REPLICATES * groups);
  for (let replicate = 0; replicate < REPLICATES; replicate += 1) {
    const start = replicate * groups;
    for (let draw = 0; draw < groups; draw += 1) drawn[start + Math.floor(random() * groups)] += 1;
  }
  return drawn;
}

/** The q-th quantile (0..1) of ascending numbers, interpolated. */
function quantile(sorted, q) {
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** The nearest integer; halves go to the even one, as in Python. */
function roundHalfEven(number) {
  const nearest = Math.round(number);
  return nearest - number === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}

/** The 95% Wilson score interval of a share of so many trials; null without any. */
function wilson(share, trials) {
  if (!trials) return null;
  const part = roundHalfEven(share * trials) / trials;
  const z = 1.959963984540054;
  const middle = (part + (z * z) / (2 * trials)) / (1 + (z * z) / trials);
  const variance = (part * (1 - part)) / trials + ((z / trials) * (z / trials)) / 4;
  const reach = (z * Math.sqrt(variance)) / (1 + (z * z) / trials);
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)];
}

/** The interval of sampled figures; null where all draws agree. */
function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length || sorted[0] === sorted.at(-1)) return null;
  return [quantile(sorted, 0.025), quantile(sorted, 0.975)];
}

/** Sums of [groups] counts over the groups of each replicate. */
function sumsOf(count, drawn) {
  const groups = count.length;
  const known = Array.from(count.keys()).filter((group) => count[group]);
  return Array.from({ length: REPLICATES }, (_, replicate) => {
    const start = replicate * groups;
    return known.reduce((sum, group) => sum + count[group] * drawn[start + group], 0);
  });
}

/**
 * Intervals {name: [low, high] or null} of judged images; where all draws agree, Wilson's for as
 * many trials as there are groups.
 */
function intervalsOf(images, called, drawn) {
  const groups = drawn.length / REPLICATES;
  const counts = [0, 1, 2, 3].map(() => new Float64Array(groups));
  images.group.forEach((group, i) => {
    counts[2 * Number(images.bad[i]) + Number(called[i])][group] += 1;
  });
  const [goodGood, goodBad, badGood, badBad] = counts.map((count) => sumsOf(count, drawn));
  const sample = (figure) => badBad.map((_, i) => figure(i));
  const groupsOf = (...kinds) => counts[0].filter((_, g) => kinds.some((k) => counts[k][g])).length;
  const figures = figuresOf(images.bad, called);
  const shares = {
    recall_bad: [sample((i) => badBad[i] / (badBad[i] + badGood[i])), groupsOf(2, 3)],
    precision_bad: [sample((i) => badBad[i] / (badBad[i] + goodBad[i])), groupsOf(1, 3)],
    accuracy: [
      sample((i) => (badBad[i] + goodGood[i]) / (badBad[i] + goodGood[i] + badGood[i] + goodBad[i])),
      groupsOf(0, 1, 2, 3),
    ],
  };
  const intervals = Object.entries(shares).map(([name, [values, trials]]) => [
    name,
    spread(values) ?? wilson(figures[name], trials),
  ]);
  const f1 = sample((i) => (2 * badBad[i]) / (2 * badBad[i] + badGood[i] + goodBad[i]));
  return { ...Object.fromEntries(intervals), F1_bad: spread(f1) };
}
