// A small chart of figures over days or minutes, as SVG: lines and columns, and the values at the pointer.

import { NOT_KNOWN } from "../format.js";
import { setText } from "../status.js";
import { make, makeSvg } from "./elements.js";
import { columnsPath, extent, labelPlaces, linePath, roundMarks, widened } from "./plot_scale.js";

const HEIGHT = 132;
const MARGIN = { top: 6, right: 46, bottom: 18, left: 6 };
const MARKS = 4;
const TIME_LABEL_PX = 84;
const FIRST_WIDTH = 360;

/** A plot of `series`: [{name, label, tone, format, isColumns}], where `tone` names its colour and dashes (plots.css)
 *  and columns stand up or down from zero. `range` holds the axis still ([0, 100]), `level` draws a line across and
 *  keeps it in sight, `formatMark` writes the axis. `onPoint(i)` is called with the place that the pointer, or an arrow
 *  key, is at; null when it leaves.
 *
 *  It gives `element`; `show(times, figures)` with the times as texts and a list of values (null: absent) for each
 *  series' name; and `point(i)`, which shows the values at a place, of the newest for null. */
export function createPlot({ title, series, range = null, level = null, formatMark, onPoint }) {
  const values = series.map((one) => createValue(one));
  const time = make("span", { className: "plot-time" });
  const caption = make(
    "figcaption", {}, make("strong", { textContent: title }), ...values.map(({ element }) => element), time,
  );
  const svg = makeSvg("svg", { class: "plot-drawing", role: "slider", tabindex: 0, "aria-label": title, height: HEIGHT });
  const element = make("figure", { className: "plot" }, caption, svg);
  let shown = { times: [], figures: {} };
  let width = FIRST_WIDTH;
  let pointed = null;

  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width || contentRect.width === 0) return;
    width = contentRect.width;
    draw();
  }).observe(svg);
  svg.addEventListener("pointermove", ({ offsetX }) => onPoint(placeAt(offsetX)));
  svg.addEventListener("pointerleave", () => onPoint(null));
  svg.addEventListener("keydown", (event) => {
    const to = placeAfter(event.key);
    if (to === undefined) return;
    event.preventDefault();
    onPoint(to);
  });

  const step = () => (width - MARGIN.left - MARGIN.right) / Math.max(shown.times.length, 1);
  const x = (i) => MARGIN.left + (i + 0.5) * step();

  function placeAt(offsetX) {
    const place = Math.floor((offsetX - MARGIN.left) / step());
    return shown.times.length ? Math.min(shown.times.length - 1, Math.max(0, place)) : null;
  }

  function placeAfter(key) {
    const last = shown.times.length - 1;
    const from = pointed ?? last;
    const places = { ArrowLeft: Math.max(0, from - 1), ArrowRight: Math.min(last, from + 1), Home: 0, End: last, Escape: null };
    return last < 0 ? undefined : places[key];
  }

  function draw() {
    const columns = series.map(({ name }) => shown.figures[name]);
    const drawn = series.some(({ isColumns }) => isColumns) ? [0] : [];
    const found = range ?? extent(columns, columns.flat().every((value) => value === null) ? [] : drawn.concat(level ?? []));
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    if (found === null) {
      svg.replaceChildren(makeSvg("text", { class: "plot-empty", x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "No figures"));
      return;
    }
    const [low, high] = range ?? widened(found);
    const bottom = HEIGHT - MARGIN.bottom;
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
    svg.replaceChildren(
      ...roundMarks([low, high], MARKS).flatMap((mark) => drawMark(mark, y(mark))),
      ...(level === null ? [] : [makeSvg("path", { class: "plot-level", d: `M0 ${y(level)}H${width - MARGIN.right}` })]),
      ...drawTimes(),
      ...series.flatMap((one, i) => drawSeries(one, columns[i], y)),
      makeSvg("path", { class: "plot-pointer" }),
    );
    showPointer();
  }

  function drawMark(mark, y) {
    return [
      makeSvg("path", { class: "plot-grid", d: `M0 ${y.toFixed(1)}H${width - MARGIN.right}` }),
      makeSvg("text", { x: width - MARGIN.right + 5, y: (y + 3.5).toFixed(1) }, formatMark(mark)),
    ];
  }

  function drawTimes() {
    const room = width - MARGIN.left - MARGIN.right;
    return labelPlaces(shown.times.length, room, TIME_LABEL_PX).map((i) => {
      // The last one would reach into the numbers of the axis.
      const anchor = x(i) > width - MARGIN.right - TIME_LABEL_PX / 2 ? "end" : "middle";
      const at = anchor === "end" ? width - MARGIN.right : x(i);
      return makeSvg("text", { x: at.toFixed(1), y: HEIGHT - 4, "text-anchor": anchor }, shown.times[i]);
    }).filter(({ textContent }, i, all) => i === 0 || textContent !== all[i - 1].textContent);
  }

  function drawSeries({ tone, isColumns }, columns, y) {
    if (!isColumns) return [makeSvg("path", { class: `plot-line tone-${tone}`, d: linePath(columns, x, y) })];
    const thick = { "stroke-width": Math.max(1, 0.7 * step()).toFixed(1) };
    const path = (sign, holds) => makeSvg(
      "path", { class: `plot-columns tone-${sign}`, d: columnsPath(columns, x, y, holds), ...thick },
    );
    return [path("up", (value) => value > 0), path("down", (value) => value < 0)];
  }

  function showPointer() {
    const line = svg.querySelector(".plot-pointer");
    if (line === null) return;
    if (pointed === null) line.removeAttribute("d");
    else line.setAttribute("d", `M${x(pointed).toFixed(1)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`);
  }

  function showValues() {
    const place = pointed ?? shown.times.length - 1;
    const texts = series.map(({ name, format }) => {
      const value = shown.figures[name]?.[place] ?? null;
      return value === null ? NOT_KNOWN : format(value);
    });
    values.forEach((value, i) => setText(value.text, texts[i]));
    setText(time, pointed === null ? "" : shown.times[place]);
    const spoken = series.map(({ label }, i) => `${label} ${texts[i]}`.trim()).join(", ");
    for (const [name, value] of [["min", 0], ["max", Math.max(0, shown.times.length - 1)], ["now", Math.max(0, place)]]) {
      svg.setAttribute(`aria-value${name}`, value);
    }
    svg.setAttribute("aria-valuetext", shown.times.length ? `${shown.times[place]}: ${spoken}` : "No figures");
  }

  return {
    element,
    show(times, figures) {
      shown = { times, figures };
      if (pointed !== null && pointed >= times.length) pointed = null;
      draw();
      showValues();
    },
    point(place) {
      pointed = place;
      showPointer();
      showValues();
    },
  };
}

/** What names a series in the caption: a piece of its line, its label, and a value. */
function createValue({ label, tone, isColumns }) {
  const text = make("b");
  const mark = isColumns ? [] : [makeSvg(
    "svg", { class: "plot-key", width: 16, height: 8, "aria-hidden": true },
    makeSvg("path", { class: `plot-line tone-${tone}`, d: "M0 4H16" }),
  )];
  return { text, element: make("span", { className: "plot-value" }, ...mark, `${label} `, text) };
}

/** Some plots over the same times, pointed at together: `element`, and `show(times, figures)` for all of them. */
export function createPlots(definitions) {
  const plots = definitions.map((definition) => createPlot({ ...definition, onPoint: pointAll }));
  function pointAll(place) {
    for (const plot of plots) plot.point(place);
  }
  return {
    element: make("div", { className: "plots" }, ...plots.map(({ element }) => element)),
    show(times, figures) {
      for (const plot of plots) plot.show(times, figures);
    },
  };
}
