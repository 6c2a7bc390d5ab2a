// The images as cards, what needs a look first, a page at a time.

const PAGE = 60;
const rankOf = Object.fromEntries(Object.keys(OUTCOMES).map((name, i) => [name, i]));

/** A photograph with its outlines, as one SVG; a placeholder where it could not be read. */
function drawPhotograph(images, pictures, i) {
  const [width, height] = images.grid[i];
  const problem = pictures.problems[i];
  const svg = svgNode("svg", {
    class: "photograph",
    viewBox: `-0.5 -0.5 ${width} ${height}`,
    "aria-hidden": "true",
  });
  if (problem !== undefined) {
    svg.append(svgNode("rect", { class: "blank", x: -0.5, y: -0.5, width, height }));
  } else {
    const href = pictures.prefix + pictures.names[i];
    const frame = { x: -0.5, y: -0.5, width, height, preserveAspectRatio: "none" };
    svg.append(svgNode("image", { href, ...frame }));
  }
  for (const [name, path] of [["truth", images.truth[i]], ["found", images.found[i]]]) {
    if (!path) continue;
    svg.append(
      svgNode("path", { class: `outline casing ${name}`, d: path }),
      svgNode("path", { class: `outline ${name}`, d: path }),
    );
  }
  const box = node("span", { class: "frame" }, svg);
  if (problem !== undefined) {
    box.append(node("span", { class: "problem" }, `not shown: ${problem}`));
  }
  return box;
}

/** What the models said of an image in a few words. */
function measures(data, i) {
  const { images, thresholds } = data;
  const area = formatArea(images.area[i], thresholds.area_unit).replace(" of the image", "");
  const parts = [isUnseen(data, i) ? "not seen by the detector" : area];
  if (images.p_bad) parts.push(`p(Bad) ${formatFigure(images.p_bad[i])}`);
  return parts.join(" \u00b7 ");
}

const nameOf = (images, i) => images.file[i].split("/").at(-1);

/** A card with {element, show(outcome)}; `open` is called on click or Enter. */
function makeCard(data, i, open) {
  const line = node("span", { class: "outcome" });
  const button = node(
    "button",
    { type: "button", class: "card", "data-index": i, click: open },
    drawPhotograph(data.images, data.pictures, i),
    line,
    node("span", { class: "measures" }, measures(data, i)),
    node("span", { class: "name", title: data.images.file[i] }, nameOf(data.images, i)),
  );
  const element = node("li", {}, button);
  let shown = null;
  return {
    element,
    button,
    show(outcome) {
      if (outcome === shown) return;
      shown = outcome;
      const { title, detail } = OUTCOMES[outcome];
      element.className = outcome;
      const text = node("span", {}, node("b", {}, title), node("small", {}, detail));
      line.replaceChildren(symbolOf(outcome), text);
    },
  };
}

/** Order by what needs a look, then by the chosen column. */
function compareBy(sort, images, outcomes) {
  const names = images.file.map((_, i) => nameOf(images, i));
  const within = {
    area: (a, b) => images.area[b] - images.area[a],
    p_bad: (a, b) => images.p_bad[b] - images.p_bad[a],
    name: (a, b) => (names[a] < names[b] ? -1 : Number(names[a] > names[b])),
  }[sort];
  return (a, b) => rankOf[outcomes[a]] - rankOf[outcomes[b]] || within(a, b) || a - b;
}

/**
 * Fill the gallery's filters and return {refresh(outcomes), draw(), cardOf(i), order, outcomes,
 * shown}. `differs(i)` says whether another evaluation gives an image another verdict.
 */
function makeGallery(data, openImage, differs) {
  const { images } = data;
  const cards = new Map();
  const gallery = { order: [], outcomes: [], shown: PAGE };
  const filters = makeFilters(data, differs, () => {
    gallery.shown = PAGE;
    gallery.refresh();
  });

  gallery.cardOf = (i) => {
    if (!cards.has(i)) cards.set(i, makeCard(data, i, () => openImage(i)));
    const card = cards.get(i);
    card.show(gallery.outcomes[i]);
    return card;
  };
  gallery.refresh = (outcomes = gallery.outcomes) => {
    gallery.outcomes = outcomes;
    filters.count(outcomes);
    const compare = compareBy(filters.sort(), images, outcomes);
    const chosen = filters.accepts(outcomes);
    gallery.order = Array.from(images.file.keys()).filter(chosen).sort(compare);
    gallery.draw();
  };
  gallery.draw = () => {
    const visible = gallery.order.slice(0, gallery.shown);
    byId("cards").replaceChildren(...visible.map((i) => gallery.cardOf(i).element));
    const all = gallery.order.length;
    byId("shown").textContent = all
      ? `${visible.length} of ${countOf(all, "image", "images")} shown`
      : "No image matches these filters.";
    byId("more").hidden = visible.length === all;
    byId("more").textContent = `Show ${Math.min(PAGE, all - visible.length)} more`;
  };
  byId("more").addEventListener("click", () => {
    const first = gallery.order[gallery.shown];
    gallery.shown += PAGE;
    gallery.draw();
    gallery.cardOf(first).button.focus();
  });
  return gallery;
}

/** Wire the filters: {accepts(outcomes), sort(), count(outcomes)}. */
function makeFilters({ images }, differs, onChange) {
  const boxes = {};
  const counts = {};
  for (const [name, { title }] of Object.entries(OUTCOMES)) {
    const attributes = { type: "checkbox", checked: "", id: `show-${name}`, input: onChange };
    boxes[name] = node("input", attributes);
    counts[name] = node("span", { class: "count" });
    const needs = { class: `chip ${name}`, "data-needs": name === "review" ? "band" : null };
    const parts = [boxes[name], symbolOf(name), title, counts[name]];
    byId("outcomes").append(node("label", needs, ...parts));
  }
  const [family, text, sort] = [byId("family"), byId("name-filter"), byId("sort")];
  const known = [...new Set(images.family)].sort();
  family.append(...known.map((name) => node("option", { value: name }, name)));
  byId("family-field").hidden = known.length < 2;
  if (!images.p_bad) sort.querySelector("[value=p_bad]").remove();
  const different = byId("different");
  for (const input of [family, text, sort, different]) input.addEventListener("input", onChange);
  return {
    accepts(outcomes) {
      const part = text.value.toLowerCase();
      return (i) => boxes[outcomes[i]].checked
        && (!different.checked || differs(i))
        && (family.selectedIndex === 0 || images.family[i] === family.value)
        && nameOf(images, i).toLowerCase().includes(part);
    },
    sort: () => sort.value,
    count(outcomes) {
      for (const [name, count] of Object.entries(countOutcomes(outcomes))) {
        counts[name].textContent = count;
      }
    },
  };
}
