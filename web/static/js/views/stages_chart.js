// The distribution over the stages, week by week: shares of the symbols that have one, as areas one above the other.

import { make, makeSvg } from "./elements.js";
import { formatDate, formatMonth } from "./dates.js";
import { STAGES, shareText, stageName } from "./stages_words.js";

const HEIGHT = 170;
const MARGIN = { left: 36, right: 6, top: 6, bottom: 20 };
const MARKS = [0, 25, 50, 75, 100];
const LABEL_PX = 56;
// The advance lies below and the decline above, with what is between them in between.
const ORDER = [2, 1, 3, 4];

/** The chart: `element`, and `show(distribution)` with weeks that have any stage. */
export function createStagesChart() {
  const svg = makeSvg("svg", { class: "stages-chart", role: "img", height: HEIGHT });
  const head = make("tr", {}, ...["Week", ...STAGES.map(({ stage }) => stageName(stage))].map((text) => make("th", { scope: "col", textContent: text })));
  const rows = make("tbody");
  const numbers = make(
    "details", { className: "stages-numbers" }, make("summary", { textContent: "In numbers" }),
    make("div", { className: "stages-scroll", tabIndex: 0, role: "region", ariaLabel: "Distribution in numbers" }, make("table", {}, make("thead", {}, head), rows)),
  );
  const element = make("div", {}, svg, numbers);
  let shown = null;
  let width = 0;
  const observer = new ResizeObserver(([{ contentRect }]) => {
    if (Math.round(contentRect.width) === width) return;
    width = Math.round(contentRect.width);
    if (shown !== null && width > 0) draw();
  });
  observer.observe(svg);
  numbers.addEventListener("toggle", fillNumbers);

  function draw() {
    const { weeks, counted } = shown;
    const room = width - MARGIN.left - MARGIN.right;
    const x = (i) => MARGIN.left + (weeks.length > 1 ? (i / (weeks.length - 1)) * room : 0);
    const y = (share) => MARGIN.top + (1 - share) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    let below = weeks.map(() => 0);
    const areas = ORDER.map((stage) => {
      const above = below.map((base, i) => base + (counted[i] ? shown[stage][i] / counted[i] : 0));
      const area = makeSvg("path", { class: `stage-area stage-${stage}`, d: areaPath(below, above, x, y) }, makeSvg("title", {}, stageName(stage)));
      below = above;
      return area;
    });
    svg.replaceChildren(...areas, ...MARKS.flatMap((mark) => drawMark(mark, y(mark / 100))), ...drawMonths(x));
  }

  function drawMark(mark, y) {
    return [
      makeSvg("path", { class: "axis-line", d: `M${MARGIN.left} ${y}H${width - MARGIN.right}` }),
      makeSvg("text", { class: "axis-text", x: MARGIN.left - 5, y: y + 4, "text-anchor": "end" }, `${mark}%`),
    ];
  }

  function drawMonths(x) {
    const { weeks } = shown;
    const starts = weeks.map((_, i) => i).filter((i) => i > 0 && weeks[i].slice(0, 7) !== weeks[i - 1].slice(0, 7));
    let next = MARGIN.left;
    return starts.filter((i) => {
      const isRoom = x(i) - LABEL_PX / 2 >= next - LABEL_PX / 2 && x(i) + LABEL_PX / 2 <= width;
      if (isRoom) next = x(i) + LABEL_PX;
      return isRoom;
    }).map((i) => makeSvg("text", { class: "axis-text", x: x(i), y: HEIGHT - 5, "text-anchor": "middle" }, formatMonth(weeks[i])));
  }

  function fillNumbers() {
    if (!numbers.open || shown === null) return;
    const { weeks, counted } = shown;
    rows.replaceChildren(...weeks.map((week, i) => make(
      "tr", {}, make("th", { scope: "row", textContent: formatDate(week) }),
      ...STAGES.map(({ stage }) => make("td", { textContent: shareText(shown[stage][i], counted[i]) })),
    )).reverse());
  }

  return {
    element,
    show(distribution) {
      if (JSON.stringify(distribution) === JSON.stringify(shown)) return;
      shown = distribution;
      svg.setAttribute("aria-label", labelOf(distribution));
      if (width > 0) draw();
      fillNumbers();
    },
    /** End what was begun. */
    close: () => observer.disconnect(),
  };
}

function areaPath(below, above, x, y) {
  const there = above.map((share, i) => `${x(i).toFixed(1)} ${y(share).toFixed(1)}`);
  const back = below.map((share, i) => `${x(i).toFixed(1)} ${y(share).toFixed(1)}`).reverse();
  return there.length ? `M${[...there, ...back].join("L")}Z` : "";
}

function labelOf({ weeks, counted, ...stages }) {
  if (!weeks.length) return "No week has stages.";
  const shares = STAGES.map(({ stage }) => `${stageName(stage)} ${shareText(stages[stage].at(-1), counted.at(-1))}`);
  return `Shares of the stages in ${weeks.length} weeks; in the last one ${shares.join(", ")}`;
}
