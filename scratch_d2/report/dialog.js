// One image large, with the reason of its verdict; arrow keys go through the gallery's order.

/** Whether the detector has not seen an image, so that its scratch area is not known. */
function isUnseen({ images, about }, i) {
  return images.p_bad !== null && images.p_bad[i] < (about.unseen_below ?? 0);
}

/** The rows [[title, text or element]] that say all of one image. */
function factsOf(data, thresholds, other, i) {
  const { images } = data;
  const [width, height] = images.pixels[i];
  const facts = [["reason", reasonOf(images, thresholds, i)]];
  const area = formatArea(images.area[i], thresholds.area_unit);
  facts.push(["scratch area", isUnseen(data, i) ? "not known, the detector has not seen it" : area]);
  if (images.p_bad) facts.push(["p(Bad) of the gate", formatScore(images.p_bad[i])]);
  if (images.unmarked[i]) facts.push(["truth", "Bad, but no mask says where"]);
  if (other) facts.push(["other evaluation", otherInWords(other, thresholds.area_unit)]);
  const link = { href: images.link[i], target: "_blank", rel: "noopener" };
  facts.push(["file", node("a", link, images.file[i])], ["source family", images.family[i]]);
  facts.push(["image_id", String(images.image_id[i])], ["size", `${width} \u00d7 ${height} px`]);
  return facts;
}

/**
 * Wire the dialog; returns {open(i)}. `current()` gives {thresholds, others}: the thresholds and,
 * where there is one, the rows of another evaluation.
 */
function makeDialog(data, gallery, current) {
  const dialog = byId("viewer");
  let index = null;
  let zoom = null;

  function show(i) {
    index = i;
    const outcome = gallery.outcomes[i];
    const { title, detail } = OUTCOMES[outcome];
    const place = gallery.order.indexOf(i);
    byId("viewer-title").replaceChildren(symbolOf(outcome), `${title}: ${detail}`);
    byId("viewer-title").className = outcome;
    byId("viewer-place").textContent = `${place + 1} of ${gallery.order.length}`;
    const picture = drawPhotograph(data.images, data.pictures, i);
    zoom = makeZoom(picture.querySelector("svg"), ...data.images.grid[i]);
    byId("viewer-picture").replaceChildren(picture);
    const { thresholds, others } = current();
    const facts = factsOf(data, thresholds, others?.[i], i);
    byId("viewer-facts").replaceChildren(
      ...facts.flatMap(([key, content]) => [node("dt", {}, key), node("dd", {}, content)]),
    );
    byId("viewer-previous").disabled = place <= 0;
    byId("viewer-next").disabled = place + 1 >= gallery.order.length;
  }

  function step(by) {
    const next = gallery.order[gallery.order.indexOf(index) + by];
    if (next !== undefined) show(next);
  }

  byId("viewer-previous").addEventListener("click", () => step(-1));
  byId("viewer-next").addEventListener("click", () => step(1));
  byId("viewer-closer").addEventListener("click", () => zoom.by(1.5));
  byId("viewer-farther").addEventListener("click", () => zoom.by(1 / 1.5));
  byId("viewer-fit").addEventListener("click", () => zoom.reset());
  byId("viewer-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
    if (event.key === "+" || event.key === "=") zoom.by(1.5);
    if (event.key === "-") zoom.by(1 / 1.5);
    if (event.key === "0") zoom.reset();
  });
  dialog.addEventListener("close", () => {
    const place = gallery.order.indexOf(index);
    if (place >= gallery.shown) {
      gallery.shown = place + 1;
      gallery.draw();
    }
    gallery.cardOf(index).button.focus();
  });
  return {
    open(i) {
      show(i);
      dialog.showModal();
    },
  };
}
