// Sliders with number fields, and the review band.

/**
 * Wire a slider that steps from outcome to outcome and a field for exact numbers.
 *
 * `id` names the elements in the template; the i-th of `outcomes` is a threshold at or below the
 * i-th distinct value; lower ones than `lowest` are refused; `saved` is the threshold that its own
 * step stands for; `onChange(threshold)` is called on every move. Returns {show, strip, steps,
 * distinct}.
 */
function wireThreshold({ id, values, outcomes, lowest = 0, ceiling, saved, onChange }) {
  const [distinct, steps] = [distinctOf(values), [...outcomes]];
  const placeIn = (threshold) => Math.min(placeOf(distinct, threshold), steps.length - 1);
  const first = placeIn(lowest);
  steps[first] = lowest;
  steps[placeIn(saved)] = saved;
  const [slider, field] = [byId(`${id}-slider`), byId(`${id}-number`)];
  [slider.min, slider.max] = [first, steps.length - 1];
  slider.disabled = first === steps.length - 1;
  field.min = lowest;
  const accepted = Number.isFinite(ceiling) ? `${lowest} to ${ceiling}` : `${lowest} or more`;
  slider.addEventListener("input", () => onChange(steps[Number(slider.value)]));
  field.addEventListener("input", () => {
    const number = field.valueAsNumber;
    const valid = number >= lowest && number <= ceiling;
    complain(field, valid ? "" : accepted);
    if (valid) onChange(number, field);
  });
  return {
    distinct,
    steps,
    show(threshold, said, typedInto) {
      slider.value = placeIn(threshold);
      slider.setAttribute("aria-valuetext", said);
      if (typedInto !== field) {
        field.value = threshold;
        complain(field, "");
      }
    },
    strip({ missed, alarms }, threshold) {
      const shown = { missed: missed.slice(first), alarms: alarms.slice(first) };
      drawStrip(byId(`${id}-strip`), shown, placeIn(threshold) - first);
    },
  };
}

/**
 * Wire a threshold that a checkbox switches on and off; off it is null. `options` are those of
 * `wireThreshold`; switched on for the first time, it is `initial`.
 */
function wireOptionalThreshold({ initial, ...options }) {
  const { id, saved, onChange } = options;
  const box = byId(`${id}-on`);
  let latest = saved ?? initial;
  const wired = wireThreshold({ ...options, saved: latest });
  box.addEventListener("input", () => onChange(box.checked ? latest : null));
  return {
    ...wired,
    show(threshold, said, typedInto) {
      box.checked = threshold !== null;
      byId(`${id}-fields`).hidden = threshold === null;
      if (threshold === null) return;
      latest = threshold;
      wired.show(threshold, said, typedInto);
    },
  };
}

/** Say beside a field what it accepts; "" takes it back. */
function complain(field, text) {
  field.setAttribute("aria-invalid", text ? "true" : "false");
  byId(field.getAttribute("aria-describedby")).textContent = text;
}

/**
 * Wire the review band; `onChange(band or null, field)` is called with what is valid only.
 * Switched on for the first time, it lies around `currentArea()`.
 */
function wireReviewBand(currentArea, onChange) {
  const box = byId("review-on");
  const fields = [byId("review-low"), byId("review-high")];
  const read = (event) => {
    byId("review-fields").hidden = !box.checked;
    if (box.checked && fields.every((field) => field.value === "")) {
      fields[0].value = formatShort(currentArea() * 0.8);
      fields[1].value = formatShort(currentArea() * 1.2 || 1);
    }
    const band = fields.map((field) => field.valueAsNumber);
    const valid = !box.checked || (band[0] >= 0 && band[0] < band[1]);
    for (const field of fields) complain(field, valid ? "" : "0 or more, the second one larger");
    if (valid) onChange(box.checked ? band : null, event.target);
  };
  for (const input of [box, ...fields]) input.addEventListener("input", read);
  return {
    show(band, typedInto) {
      if ([box, ...fields].includes(typedInto)) return;
      box.checked = band !== null;
      byId("review-fields").hidden = band === null;
      fields.forEach((field, i) => {
        field.value = band ? band[i] : "";
        complain(field, "");
      });
    },
  };
}

/** Hand a text to the browser as a file to be saved. */
function download(name, text, type = "application/json") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = node("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
