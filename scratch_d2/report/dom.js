// Elements, symbols and numbers as text.

const JUDGE_TITLES = { area: "area rule", gate: "gate", both: "gate, then area rule" };

// In the order in which a person should look at them.
const OUTCOMES = {
  missed: { title: "Missed Bad", detail: "is Bad, judged Good" },
  alarm: { title: "False positive", detail: "is Good, judged Bad" },
  review: { title: "For review", detail: "a person decides" },
  found: { title: "Correct Bad", detail: "is Bad, judged Bad" },
  cleared: { title: "Correct Good", detail: "is Good, judged Good" },
};

const byId = (id) => document.getElementById(id);

function fillIn(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** An HTML element with attributes (functions are event listeners) and children. */
function node(name, attributes = {}, ...children) {
  return fillIn(document.createElement(name), attributes, children);
}

/** The same for SVG. */
function svgNode(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  return fillIn(element, attributes, children);
}

/** The symbol of an outcome, as the template draws it. */
function symbolOf(outcome) {
  const use = svgNode("use", { href: `#symbol-${outcome}` });
  return svgNode("svg", { class: "symbol", "aria-hidden": "true" }, use);
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const DASH = "\u2013";

/** A metric of 0..1 to three digits, what is not known as a dash. */
const formatFigure = (value) => (isNumber(value) ? value.toFixed(3) : DASH);

/** A score of 0..1 to four digits. */
const formatScore = (value) => (isNumber(value) ? value.toFixed(4) : DASH);

const formatPercent = (value) => (isNumber(value) ? `${(100 * value).toFixed(1)}%` : DASH);

/** Six significant digits, without trailing zeros. */
const formatShort = (value) => (isNumber(value) ? String(Number(value.toPrecision(6))) : DASH);

const UNIT_SIGNS = { pixel: "px", mm2: "mm²", fraction: "of the image" };

/** A scratch area in words. */
function formatArea(area, unit) {
  return formatAreas([area], unit, 3)[0] + (AREA_OF[unit] ?? "");
}

const countOf = (count, one, many) => `${count} ${count === 1 ? one : many}`;
