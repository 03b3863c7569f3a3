// The figures of the charts as a table, for whoever would read them one by one; made while it is open only.

import { NOT_KNOWN, formatExact, formatVolume } from "../format.js";
import { setText } from "../status.js";
import { dateText, formatCount, formatRatio, formatShare, formatSigned } from "./breadth_words.js";
import { make } from "./elements.js";

const COLUMNS = [
  ["Advancers", ({ advancers }) => advancers, formatExact],
  ["Decliners", ({ decliners }) => decliners, formatExact],
  ["Unchanged", ({ unchanged }) => unchanged, formatExact],
  ["Up volume", (daily) => daily.up_volume, formatVolume],
  ["Down volume", (daily) => daily.down_volume, formatVolume],
  ["A/D line", ({ line }) => line, formatCount],
  ["TRIN", ({ trin }) => trin, formatRatio],
  ["Oscillator", ({ oscillator }) => oscillator, formatSigned],
  ["Summation", ({ summation }) => summation, formatSigned],
  ...["10", "20", "50", "200"].map((bars) => [`Above ${bars} d`, (daily) => daily.above_average[bars].share, formatShare]),
  ["Highs 20 d", (daily) => withBase(daily.new_extremes["20"], "highs"), formatExact],
  ["Lows 20 d", (daily) => withBase(daily.new_extremes["20"], "lows"), formatExact],
  ["Highs 52 w", (daily) => withBase(daily.new_extremes["252"], "highs"), formatExact],
  ["Lows 52 w", (daily) => withBase(daily.new_extremes["252"], "lows"), formatExact],
];

function withBase(extremes, kind) {
  return extremes[kind].map((count, i) => (extremes.counted[i] ? count : null));
}

/** `element`, and `show(daily)`. */
export function createDaysTable() {
  const body = make("tbody");
  const headings = ["Day", ...COLUMNS.map(([label]) => label)];
  const head = make("thead", {}, make("tr", {}, ...headings.map((textContent) => make("th", { scope: "col", textContent }))));
  const table = make("table", {}, make("caption", { className: "visually-hidden", textContent: "Breadth by day" }), head, body);
  const scroller = make("div", { className: "breadth-scroll", tabIndex: 0, role: "region", ariaLabel: "Table of the days" }, table);
  const element = make("details", { className: "breadth-days" }, make("summary", { textContent: "The days as a table" }), scroller);
  let daily = null;
  element.addEventListener("toggle", fill);

  function fill() {
    if (!element.open) return;
    const columns = COLUMNS.map(([, read, format]) => read(daily).map((value) => (value === null ? NOT_KNOWN : format(value))));
    // Rows stay, so that a reader is not taken out of the table by every change.
    while (body.rows.length > daily.dates.length) body.lastChild.remove();
    while (body.rows.length < daily.dates.length) body.append(createRow());
    daily.dates.forEach((date, i) => {
      const [day, ...cells] = body.rows[daily.dates.length - 1 - i].cells;
      setText(day, `${dateText(date)} ${date.slice(0, 4)}`);
      cells.forEach((cell, column) => setText(cell, columns[column][i]));
    });
  }

  return {
    element,
    show(newDaily) {
      daily = newDaily;
      fill();
    },
  };
}

function createRow() {
  return make("tr", {}, make("th", { scope: "row" }), ...COLUMNS.map(() => make("td")));
}
