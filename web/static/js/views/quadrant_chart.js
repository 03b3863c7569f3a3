// The chart of quadrants: each sector's ratio and momentum as a mark, with the weeks before as a tail.

import { makeSvg } from "./elements.js";
import { EVEN, createFrame, placeLabels } from "./quadrant_layout.js";
import { QUADRANTS, pointText } from "./sectors_words.js";

const HEIGHT_BY_WIDTH = 0.7;
const HEIGHT = { least: 280, most: 560 };
const MARK_RADIUS = 5;
const TAIL_RADIUS = 2;

/** The chart: `element`, and `show({tracks, isProvisional, chosen, summary})`, with tracks of {sector, label, series,
 *  points: [{week, ratio, momentum}, oldest first]}; `onChoose(sector)` is called for a click on one. */
export function createQuadrantChart({ onChoose }) {
  const element = makeSvg("svg", { class: "quadrant-chart", role: "img" });
  let shown = null;
  let width = 0;
  let pressed;

  // What was pressed may have been drawn anew before the button was let go.
  element.addEventListener("pointerdown", ({ target }) => {
    pressed = target.closest("[data-sector]")?.dataset.sector;
  });
  element.addEventListener("click", () => {
    if (pressed !== undefined) onChoose(pressed);
  });
  // Drawn in real pixels, so that its texts are as large on a phone as elsewhere.
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (Math.round(contentRect.width) === width) return;
    width = Math.round(contentRect.width);
    if (shown !== null && width > 0) draw();
  });
  observer.observe(element);

  function draw() {
    const { tracks, chosen } = shown;
    const height = Math.min(HEIGHT.most, Math.max(HEIGHT.least, Math.round(width * HEIGHT_BY_WIDTH)));
    const frame = createFrame(tracks.flatMap(({ points }) => points), width, height);
    element.setAttribute("height", height);
    element.setAttribute("aria-label", shown.summary);
    const heads = tracks.map(({ label, points }) => markOf(frame, points.at(-1), label));
    const places = placeLabels(heads, frame);
    // What is chosen is drawn last, above the others.
    const order = tracks.map((_, i) => i).sort((a, b) => (tracks[a].sector === chosen) - (tracks[b].sector === chosen));
    element.replaceChildren(
      ...quadrants(frame), ...axes(frame), ...order.map((i) => drawTrack(frame, tracks[i], shown)),
      ...order.map((i) => drawLabel(tracks[i], places[i], chosen)),
    );
  }

  return {
    element,
    show(given) {
      shown = given;
      if (width > 0) draw();
    },
    /** End what was begun. */
    close: () => observer.disconnect(),
  };
}

function markOf(frame, { ratio, momentum }, text) {
  return { x: frame.x(ratio), y: frame.y(momentum), text };
}

function quadrants({ left, right, top, bottom, x, y }) {
  const [middleX, middleY] = [x(EVEN), y(EVEN)];
  return QUADRANTS.flatMap(({ quadrant, name, isRight, isUpper }) => {
    const [fromX, toX] = isRight ? [middleX, right] : [left, middleX];
    const [fromY, toY] = isUpper ? [top, middleY] : [middleY, bottom];
    const area = { class: `quadrant quadrant-${quadrant}`, x: fromX, y: fromY, width: toX - fromX, height: toY - fromY };
    const place = { class: "quadrant-name", x: isRight ? right - 8 : left + 8, y: isUpper ? top + 17 : bottom - 8 };
    return [makeSvg("rect", area), makeSvg("text", { ...place, "text-anchor": isRight ? "end" : "start" }, name)];
  });
}

function axes({ left, right, top, bottom, x, y, xTicks, yTicks }) {
  const vertical = xTicks.flatMap((tick) => [
    makeSvg("path", { class: lineClass(tick), d: `M${x(tick)} ${top}V${bottom}` }),
    makeSvg("text", { class: "axis-text", x: x(tick), y: bottom + 13, "text-anchor": "middle" }, String(tick)),
  ]);
  const horizontal = yTicks.flatMap((tick) => [
    makeSvg("path", { class: lineClass(tick), d: `M${left} ${y(tick)}H${right}` }),
    makeSvg("text", { class: "axis-text", x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, String(tick)),
  ]);
  const xName = { class: "axis-text", x: right, y: bottom + 26, "text-anchor": "end" };
  const yName = { class: "axis-text", x: left, y: bottom + 26 };
  return [
    ...vertical, ...horizontal, makeSvg("text", xName, "ratio →"), makeSvg("text", yName, "↑ momentum"),
  ];
}

function lineClass(tick) {
  return tick === EVEN ? "axis-even" : "axis-line";
}

function drawTrack(frame, { sector, series, points }, { isProvisional, chosen }) {
  const marks = points.map((point) => markOf(frame, point, ""));
  const head = marks.at(-1);
  return makeSvg(
    "g", { class: `track series-${series}${stateOf(sector, chosen)}`, "data-sector": sector },
    makeSvg("title", {}, pointText(sector, points.at(-1))),
    makeSvg("path", { class: "track-line", d: `M${marks.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}` }),
    ...marks.slice(0, -1).map(({ x, y }, i) => tailDot(x, y, points[i], sector, (i + 1) / marks.length)),
    makeSvg("circle", { class: isProvisional ? "track-head open" : "track-head", cx: head.x, cy: head.y, r: MARK_RADIUS }),
  );
}

function tailDot(cx, cy, point, sector, age) {
  const dot = { class: "track-dot", cx, cy, r: TAIL_RADIUS, opacity: 0.35 + 0.65 * age };
  return makeSvg("circle", dot, makeSvg("title", {}, pointText(sector, point)));
}

function drawLabel({ sector, label }, { x, y, anchor }, chosen) {
  const place = { class: `track-label${stateOf(sector, chosen)}`, "data-sector": sector, x, y: y + 4, "text-anchor": anchor };
  return makeSvg("text", place, label);
}

function stateOf(sector, chosen) {
  if (chosen === null) return "";
  return sector === chosen ? " chosen" : " other";
}
