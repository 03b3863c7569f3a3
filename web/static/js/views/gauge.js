// The gauge: half a circle from 0 to 100 with a needle, and the number below it.

import { NOT_KNOWN } from "../format.js";
import { setText } from "../status.js";
import { make, makeSvg } from "./elements.js";

const CENTRE = { x: 110, y: 108 };
const RADIUS = 84;
const NEEDLE = 66;
const LABEL_RADIUS = 100;
const MARKS = [0, 25, 50, 75, 100];
const ARC = `M${CENTRE.x - RADIUS} ${CENTRE.y}A${RADIUS} ${RADIUS} 0 0 1 ${CENTRE.x + RADIUS} ${CENTRE.y}`;

/** Where a value from 0 to 100 stands on a half circle of this radius, in the gauge's coordinates. */
export function pointAt(value, radius) {
  const angle = Math.PI * (1 - value / 100);
  return { x: CENTRE.x + radius * Math.cos(angle), y: CENTRE.y - radius * Math.sin(angle) };
}

/** `element`, and `show(value)` with a number from 0 to 100, or null where there is none. */
export function createGauge({ label, ends: [low, high] }) {
  const value = makeSvg("path", { class: "gauge-value", d: ARC, pathLength: 100 });
  const needle = makeSvg("path", { class: "gauge-needle" });
  const drawing = makeSvg(
    "svg", { class: "gauge-drawing", viewBox: "0 0 220 132", "aria-hidden": true },
    makeSvg("path", { class: "gauge-scale", d: ARC }), value, ...MARKS.flatMap(drawMark),
    needle, makeSvg("circle", { class: "gauge-hub", cx: CENTRE.x, cy: CENTRE.y, r: 5 }),
    makeSvg("text", { class: "gauge-end", x: CENTRE.x - RADIUS, y: CENTRE.y + 18, "text-anchor": "middle" }, low),
    makeSvg("text", { class: "gauge-end", x: CENTRE.x + RADIUS, y: CENTRE.y + 18, "text-anchor": "middle" }, high),
  );
  const number = make("strong", { className: "gauge-number" });
  const words = make("p", { className: "gauge-words" }, make("span", { className: "visually-hidden", textContent: `${label}: ` }), number, " of 100");
  const element = make("div", { className: "gauge" }, drawing, words);
  return {
    element,
    show(shown) {
      setText(number, shown === null ? NOT_KNOWN : String(Math.round(shown)));
      value.setAttribute("stroke-dasharray", `${shown ?? 0} 100`);
      element.classList.toggle("empty", shown === null);
      if (shown === null) return needle.removeAttribute("d");
      const { x, y } = pointAt(shown, NEEDLE);
      return needle.setAttribute("d", `M${CENTRE.x} ${CENTRE.y}L${x.toFixed(1)} ${y.toFixed(1)}`);
    },
  };
}

function drawMark(mark) {
  const [inner, outer, label] = [RADIUS - 7, RADIUS + 7, LABEL_RADIUS].map((radius) => pointAt(mark, radius));
  const tick = makeSvg("path", { class: "gauge-mark", d: `M${inner.x} ${inner.y}L${outer.x} ${outer.y}` });
  // Those at the ends would lie under the words of the scale.
  if (mark === 0 || mark === 100) return [tick];
  return [tick, makeSvg("text", { x: label.x, y: label.y + 4, "text-anchor": "middle" }, String(mark))];
}
