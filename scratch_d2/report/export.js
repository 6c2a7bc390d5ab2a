// What the page shows, as tables for a spreadsheet.

/** A number with four significant digits, and all digits before the point. */
const formatCell = (value) => {
  const isShort = Math.abs(value) < 1000;
  return isShort ? String(Number(value.toPrecision(4))) : value.toFixed(0);
};

/**
 * Rows of texts and numbers as CSV, as scratch_d2.utils.spreadsheet writes cells: a text that a
 * spreadsheet would run as a formula gets an apostrophe before it.
 */
function toCsv(rows) {
  const cell = (value) => {
    if (typeof value === "number") return Number.isFinite(value) ? formatCell(value) : "";
    const text = String(value ?? "");
    const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

const IMAGE_COLUMNS = [
  "image_id", "file", "truth", "verdict", "outcome", "area", "area_unit", "p_bad", "scratches",
  "reason", "width", "height", "source_family",
];

/** The images of the gallery, in its order, judged by the thresholds; a header comes first. */
function imageRows(data, order, outcomes, labels, thresholds) {
  const { images } = data;
  const rows = order.map((i) => {
    const unseen = isUnseen(data, i);
    return [
      images.image_id[i], images.file[i], images.bad[i] ? BAD : GOOD, labels[i],
      OUTCOMES[outcomes[i]].title, unseen ? "" : images.area[i],
      thresholds.area_unit, images.p_bad ? images.p_bad[i] : "",
      unseen ? "" : images.count[i], reasonOf(images, thresholds, i), ...images.pixels[i],
      images.family[i],
    ];
  });
  return [IMAGE_COLUMNS, ...rows];
}

/** The metrics of every decision rule, with the intervals that are known of the last one. */
function metricRows(judges, figures, intervals) {
  const rows = judges.flatMap((judge) => Object.entries(figures[judge]).map(([name, value]) => {
    const ends = judge === judges.at(-1) ? intervals?.[name] : null;
    return [JUDGE_TITLES[judge], name, value, ...(ends ?? ["", ""])];
  }));
  return [["decision_rule", "metric", "value", "low", "high"], ...rows];
}
