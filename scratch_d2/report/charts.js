// Curves and strips as SVG. A curve's path is drawn anew only when its points change.

const PLOT = { size: 264, left: 44, top: 10, bottom: 44, right: 12 };

const plotX = (value) => PLOT.left + value * PLOT.size;
const plotY = (value) => PLOT.top + (1 - value) * PLOT.size;
const place = (x, y) => `${plotX(x).toFixed(1)},${plotY(y).toFixed(1)}`;

/** Points [[x, y]] of the ROC curve. */
function rocPoints(points) {
  const { hits: allBad, alarms: allGood } = points.at(-1);
  const inner = points.filter(
    ({ hits, alarms }, i) => (hits !== points[i - 1]?.hits && hits !== points[i + 1]?.hits)
      || alarms !== points[i - 1]?.alarms || alarms !== points[i + 1]?.alarms,
  );
  return [[0, 0], ...inner.map(({ hits, alarms }) => [alarms / allGood, hits / allBad])];
}

/** Points [[recall, precision]] of the precision-recall curve, as steps. */
function precisionRecallPoints(points) {
  const { hits: allBad } = points.at(-1);
  const steps = [];
  points.forEach(({ hits, alarms }, i) => {
    const before = points[i - 1]?.hits ?? 0;
    const precision = hits / (hits + alarms);
    if (hits > before) steps.push([before / allBad, precision]);
    if (hits > before || points[i + 1]?.hits !== hits) steps.push([hits / allBad, precision]);
  });
  return steps;
}

/** An empty plot of 0..1 by 0..1: {svg, update(name, points, dot)}. */
function makePlot({ title, xTitle, yTitle, names, backdrop }) {
  const width = PLOT.left + PLOT.size + PLOT.right;
  const height = PLOT.top + PLOT.size + PLOT.bottom;
  const svg = svgNode("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "plot" });
  const caption = svgNode("title");
  svg.append(caption, ...gridLines(), ...axisTitles(xTitle, yTitle));
  if (backdrop) svg.append(svgNode("path", { class: "backdrop", d: backdrop }));
  const curves = {};
  // What lies wider is drawn first.
  for (const name of [...names].reverse()) {
    const path = svgNode("path", { class: `curve ${name}` });
    curves[name] = { path, points: null };
    svg.append(path);
  }
  for (const name of [...names].reverse()) {
    curves[name].dot = svgNode("path", { class: `dot ${name}`, d: DOTS[name] });
    svg.append(curves[name].dot);
  }
  const said = {};
  return {
    svg,
    update(name, points, dot) {
      const curve = curves[name];
      if (curve.points !== points) {
        curve.points = points;
        curve.path.setAttribute("d", `M${points.map(([x, y]) => place(x, y)).join("L")}`);
      }
      curve.dot.style.display = dot ? "" : "none";
      if (dot) curve.dot.setAttribute("transform", `translate(${place(...dot)})`);
      said[name] = dot && `${JUDGE_TITLES[name]} at ${dot.map((v) => v.toFixed(3)).join(", ")}`;
      caption.textContent = `${title}: ${Object.values(said).filter(Boolean).join("; ")}`;
    },
  };
}

// A circle, a diamond and a square around them, so that neither colour nor place must tell them
// apart.
const DOTS = {
  area: "M-4.5,0a4.5,4.5 0 1 0 9,0a4.5,4.5 0 1 0 -9,0z",
  gate: "M0,-6.5L6.5,0L0,6.5L-6.5,0z",
  both: "M-8,-8H8V8H-8z",
};

function gridLines() {
  const lines = [];
  for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const [x, y] = [plotX(value), plotY(value)];
    lines.push(svgNode("path", { class: "grid", d: `M${plotX(0)},${y}H${plotX(1)}` }));
    lines.push(svgNode("path", { class: "grid", d: `M${x},${plotY(0)}V${plotY(1)}` }));
    lines.push(svgNode("text", { x: PLOT.left - 8, y: y + 4, class: "tick end" }, String(value)));
    lines.push(svgNode("text", { x, y: plotY(0) + 18, class: "tick middle" }, String(value)));
  }
  return lines;
}

function axisTitles(xTitle, yTitle) {
  const middle = PLOT.top + PLOT.size / 2;
  return [
    svgNode("text", { x: plotX(0.5), y: plotY(0) + 38, class: "axis middle" }, xTitle),
    svgNode(
      "text",
      { x: 12, y: middle, class: "axis middle", transform: `rotate(-90 12 ${middle})` },
      yTitle,
    ),
  ];
}

/** Draw the counts {missed, alarms} of every step of a slider, with a line at the current one. */
function drawStrip(svg, { missed, alarms }, current) {
  const last = Math.max(1, missed.length - 1);
  const most = Math.max(1, largest(missed), largest(alarms));
  // Roots, because the few errors matter most.
  const height = (count) => 100 - 96 * Math.sqrt(count / most);
  const line = (counts) => counts.map((count, i) => `${(1000 * i) / last},${height(count)}`);
  svg.replaceChildren(
    svgNode("path", { class: "strip-alarms", d: `M${line(alarms).join("L")}` }),
    svgNode("path", { class: "strip-missed", d: `M${line(missed).join("L")}` }),
    svgNode("path", { class: "strip-here", d: `M${(1000 * current) / last},0V100` }),
  );
}
