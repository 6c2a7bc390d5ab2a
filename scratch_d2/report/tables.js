// Every group of figures that the evaluation was given, laid out by the shape of its keys.

/** Split keys into figures {key: {value, interval}}; `<key>_low` and `_high` are its interval. */
function withIntervals(group) {
  const figures = {};
  for (const [key, value] of Object.entries(group)) {
    const base = key.replace(/_(low|high)$/, "");
    if (base !== key && base in group) continue;
    const ends = [group[`${key}_low`], group[`${key}_high`]];
    figures[key] = { value, interval: ends.every(isNumber) ? ends : null };
  }
  return figures;
}

/**
 * Find names and metrics such that the keys are all of "<name>_<metric>", as for judges and for
 * source families; null where they are not.
 */
function crossed(keys) {
  const known = new Set(keys);
  const [first = ""] = keys;
  for (let at = first.indexOf("_"); at > 0; at = first.indexOf("_", at + 1)) {
    const [start, end] = [first.slice(0, at + 1), first.slice(at)];
    const metrics = keys.filter((key) => key.startsWith(start)).map((key) => key.slice(at + 1));
    const names = keys.filter((key) => key.endsWith(end)).map((key) => key.slice(0, -end.length));
    const whole = names.every((name) => metrics.every((metric) => known.has(`${name}_${metric}`)));
    const enough = metrics.length > 1 && (names.length > 1 || names[0] in JUDGE_TITLES);
    if (whole && enough && names.length * metrics.length === keys.length) return { names, metrics };
  }
  return null;
}

const spoken = (metric) => metric.replaceAll("_", " ");

/**
 * Arrange figures as {columns, rows} with titles: judges stand side by side, other names below
 * each other.
 */
function arrange(figures) {
  const found = crossed(Object.keys(figures));
  const cell = (key, metric) => ({ ...figures[key], metric });
  if (!found) {
    const rows = Object.keys(figures).map((key) => ({
      title: spoken(key),
      cells: [cell(key, key)],
    }));
    return { columns: [""], rows };
  }
  const { names, metrics } = found;
  if (names.every((name) => name in JUDGE_TITLES)) {
    const rows = metrics.map((metric) => ({
      title: spoken(metric),
      cells: names.map((name) => cell(`${name}_${metric}`, metric)),
    }));
    return { columns: names.map((name) => JUDGE_TITLES[name]), rows };
  }
  const rows = names.map((name) => ({
    title: name,
    cells: metrics.map((metric) => cell(`${name}_${metric}`, metric)),
  }));
  return { columns: metrics.map(spoken), rows };
}

/** How figures of one kind are written: counts whole, shares to three digits, others to one. */
function digitsOf(metric, values) {
  const known = values.filter(isNumber).map(Math.abs);
  const most = Math.max(0, ...known);
  const whole = known.every(Number.isInteger);
  if (whole && (most > 1 || /(^|_)[tf][pn]$|images|files|groups|_below_threshold$|avoided/.test(metric))) return 0;
  return most <= 1 ? 3 : 1;
}

/** Metrics of one scale are written alike: all AP of a detector, all times. */
const scaleOf = (metric) => metric.match(/^(AP(?!_)|ms_)/)?.[0] ?? metric;

/** The digits of every figure in rows, {scale: digits}. */
function digitsOfAll(rows) {
  const values = {};
  for (const figure of rows.flatMap((row) => row.cells)) {
    (values[scaleOf(figure.metric)] ??= []).push(figure.value);
  }
  return Object.fromEntries(Object.entries(values).map(([m, all]) => [m, digitsOf(m, all)]));
}

/** The cells of a figure: itself and, where the table has any, its interval beside it. */
function figureCells(figure, digits, intervals) {
  const places = digits[scaleOf(figure.metric)];
  const say = (value) => (isNumber(value) ? value.toFixed(places) : DASH);
  const title = isNumber(figure.value) ? figure.value : "not known";
  const cells = [node("td", { title }, say(figure.value))];
  if (intervals) {
    const ends = figure.interval ? figure.interval.map(say).join(" to ") : "";
    cells.push(node("td", { class: "interval" }, ends));
  }
  return cells;
}

/** One group of figures as a table with its name as caption. */
function groupTable(name, group) {
  const { columns, rows } = arrange(withIntervals(group));
  const digits = digitsOfAll(rows);
  const intervals = rows.some(({ cells }) => cells.some((figure) => figure.interval));
  const wide = { scope: "col", colspan: intervals ? 2 : 1 };
  const head = columns.map((column) => node("th", wide, column));
  const body = rows.map(({ title, cells }) => {
    const tds = cells.flatMap((figure) => figureCells(figure, digits, intervals));
    return node("tr", {}, node("th", { scope: "row" }, title), ...tds);
  });
  const table = node(
    "table",
    { class: "results" },
    node("caption", {}, name),
    columns[0] === "" ? null : node("thead", {}, node("tr", {}, node("td"), ...head)),
    node("tbody", {}, ...body),
  );
  const region = { tabindex: 0, role: "region", "aria-label": name };
  return node("div", { class: columns.length > 1 ? "scroll wide" : "scroll", ...region }, table);
}

/** Fill the section of all results, and hide it where there are none. */
function renderResults(results) {
  const groups = Object.entries(results).filter(([, group]) => Object.keys(group).length);
  byId("results").hidden = !groups.length;
  byId("results-names").textContent = groups.map(([name]) => name).join(", ");
  byId("results-tables").append(...groups.map(([name, group]) => groupTable(name, group)));
}

/** Say what the report is of, key by key, and what speaks against its figures. */
function renderAbout(about) {
  const { notes = [], ...facts } = about;
  const sentences = [notes].flat().map((note) => String(note));
  const items = sentences.map((text) => node("li", {}, text.charAt(0).toUpperCase() + text.slice(1)));
  byId("notes").replaceChildren(...items);
  byId("notes").hidden = !items.length;
  for (const [key, value] of Object.entries(facts)) {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    byId("about-facts").append(node("dt", {}, key.replaceAll("_", " ")), node("dd", {}, text));
  }
}
