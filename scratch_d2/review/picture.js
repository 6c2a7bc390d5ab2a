// The photograph with its outlines as one SVG, and the list of outlines beside it.

/** The address of a photograph's pixels; another row means other pixels. */
const pictureOf = (shown) => `/api/photographs/${shown.image_id}/picture?row=${shown.row}`;

/** What one outline is in words. */
function outlineInWords(shown, outline) {
  const area = formatArea(outline.area, "pixel");
  return `score ${formatFigure(outline.score)}, ${area}`;
}

/** The paths of one outline: a dark casing, the line, its number at hand for clicks. */
function drawOutline(outline, number) {
  const [x, y, stepX, stepY] = outline.place;
  const transform = `translate(${x} ${y}) scale(${stepX} ${stepY})`;
  return svgNode(
    "g",
    { class: "scratch", "data-index": outline.index, transform },
    svgNode("path", { class: "outline casing", d: outline.path }),
    svgNode("path", { class: "outline line", d: outline.path }),
    svgNode("path", { class: "hit", d: outline.path }, svgNode("title", {}, `scratch ${number}`)),
  );
}

/** The SVG of a photograph; large outlines lie below small ones, so that each can be clicked. */
function drawReviewed(shown) {
  const [width, height] = shown.size;
  const frame = { x: -0.5, y: -0.5, width, height, preserveAspectRatio: "none" };
  const image = svgNode("image", frame);
  const svg = svgNode("svg", { class: "photograph", role: "img", viewBox: `-0.5 -0.5 ${width} ${height}` }, image);
  svg.setAttribute("aria-label", `Photograph ${shown.name}`);
  const numbered = shown.outlines.map((outline, i) => [outline, i + 1]);
  numbered.sort(([a], [b]) => b.area - a.area);
  for (const [outline, number] of numbered) svg.append(drawOutline(outline, number));
  return { svg, image };
}

/** Call `act(index)` for a click on an outline that was no drag. */
function onOutlineClick(svg, act) {
  let from = null;
  svg.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; });
  svg.addEventListener("click", (event) => {
    const moved = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > 4;
    // The pointer is captured by the SVG, so the event does not say what lies under it.
    const under = document.elementFromPoint(event.clientX, event.clientY);
    const scratch = under && under.closest(".scratch");
    if (scratch && !moved) act(Number(scratch.dataset.index));
  });
}

/** The list of outlines as buttons; `act(index)` strikes one out or takes it in again. */
function listOutlines(shown, svg, act) {
  return shown.outlines.map((outline, i) => {
    const scratch = svg.querySelector(`[data-index="${outline.index}"]`);
    const mark = (on) => () => scratch.classList.toggle("marked", on);
    const button = node(
      "button",
      { type: "button", "data-index": outline.index, click: () => act(outline.index) },
      i < 9 ? node("kbd", {}, String(i + 1)) : null,
      node("span", { class: "what" }, outlineInWords(shown, outline)),
      node("span", { class: "struck-word" }),
    );
    for (const [name, on] of [["focus", true], ["pointerenter", true], ["blur", false], ["pointerleave", false]]) {
      button.addEventListener(name, mark(on));
    }
    return node("li", {}, button);
  });
}

/** Show which outlines are struck out. */
function showStruck(struck) {
  for (const element of document.querySelectorAll("[data-index]")) {
    const is = struck.includes(Number(element.dataset.index));
    element.classList.toggle("struck", is);
    if (element.tagName !== "BUTTON") continue;
    element.setAttribute("aria-pressed", String(is));
    element.querySelector(".struck-word").textContent = is ? "no scratch" : "";
  }
}
