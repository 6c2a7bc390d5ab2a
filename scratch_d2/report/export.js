// What the page shows, as tables for a spreadsheet.

/** Rows of texts and numbers as CSV; a text that a spreadsheet would run as a formula is quoted. */
function toCsv(rows) {
  const cell = (value) => {
    if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
    const text = String(value ?? "");
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
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
      OUTCOMES[outcomes[i]].title, unseen ? "" : Number(images.area[i].toPrecision(6)),
      thresholds.area_unit, images.p_bad ? Number(images.p_bad[i].toFixed(4)) : "",
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
