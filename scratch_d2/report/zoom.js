// A closer look at the photograph in the dialog: its SVG's view box is zoomed and moved.

const MOST_ZOOM = 20;

/**
 * Let a photograph's SVG of width x height units be zoomed by wheel, double click and `by(factor)`,
 * and be dragged. Returns {by, move, reset}; `move` goes by shares of what is visible.
 */
function makeZoom(svg, width, height) {
  const view = { scale: 1, x: width / 2, y: height / 2 };

  /** The size of what is visible, in units of the photograph. */
  function visible() {
    const frame = svg.getBoundingClientRect();
    const unit = Math.max(width / frame.width, height / frame.height) / view.scale;
    return { frame, unit, width: unit * frame.width, height: unit * frame.height };
  }

  function apply() {
    const seen = visible();
    const inside = (value, part, whole) => (
      part >= whole ? whole / 2 : Math.min(Math.max(value, part / 2), whole - part / 2)
    );
    view.x = inside(view.x, seen.width, width);
    view.y = inside(view.y, seen.height, height);
    const corner = [view.x - seen.width / 2 - 0.5, view.y - seen.height / 2 - 0.5];
    svg.setAttribute("viewBox", [...corner, seen.width, seen.height].join(" "));
    svg.classList.toggle("zoomed", view.scale > 1);
  }

  /** Zoom; what lies under the pointer of the event, else the middle, keeps its place. */
  function by(factor, event = null) {
    const { frame, unit } = visible();
    const right = event ? event.clientX - frame.left - frame.width / 2 : 0;
    const down = event ? event.clientY - frame.top - frame.height / 2 : 0;
    const scale = Math.min(Math.max(view.scale * factor, 1), MOST_ZOOM);
    const kept = unit * (1 - view.scale / scale);
    view.x += right * kept;
    view.y += down * kept;
    view.scale = scale;
    apply();
  }

  function move(right, down) {
    const seen = visible();
    view.x += right * seen.width;
    view.y += down * seen.height;
    apply();
  }

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    by(1.25 ** -Math.sign(event.deltaY), event);
  }, { passive: false });
  svg.addEventListener("dblclick", (event) => by(view.scale > 1 ? 0 : 3, event));
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => {
    if (!event.buttons || view.scale === 1) return;
    const { unit } = visible();
    view.x -= event.movementX * unit;
    view.y -= event.movementY * unit;
    apply();
  });
  return { by, move, reset: () => by(0) };
}
