// The chart by keyboard: the arrows lead from bar to bar, whose legend is read out; plus and minus zoom.

const ZOOM = 1.25;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };

/** The place at which a key leads from `place` (null: none is pointed at) on an axis of `count` points; undefined for a
 *  key that leads nowhere. */
export function placeAfter(key, place, count) {
  if (count === 0) return undefined;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (!(key in STEPS)) return undefined;
  return Math.min(count - 1, Math.max(0, place === null ? count - 1 : place + STEPS[key]));
}

/** Listens to the keys of `box`. `place()` is what is pointed at, `point(place)` points at another (null: at none). */
export function createChartKeys({ box, chart, count, place, point }) {
  function zoom(factor) {
    const scale = chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range !== null) scale.setVisibleLogicalRange({ from: range.to - (range.to - range.from) * factor, to: range.to });
  }

  /** Bring a place into sight. */
  function scrollTo(place) {
    const scale = chart.timeScale();
    const { from, to } = scale.getVisibleLogicalRange();
    const by = place < from ? place - from - 1 : Math.max(0, place - to + 1);
    if (by !== 0) scale.setVisibleLogicalRange({ from: from + by, to: to + by });
  }

  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const next = placeAfter(event.key, place(), count());
    if (next !== undefined) {
      scrollTo(next);
      point(next);
    } else if (event.key === "+" || event.key === "=") zoom(1 / ZOOM);
    else if (event.key === "-") zoom(ZOOM);
    else if (event.key === "Escape") point(null);
    else return;
    event.preventDefault();
  });
}
