// Breadth: how many symbols take part, the figures of the last day and how they went, by day and within the day.

import { setText } from "../status.js";
import { formatMinute } from "../time.js";
import { DAILY, INTRADAY } from "./breadth_charts.js";
import { createDaysTable } from "./breadth_table.js";
import { dateText, drawnFigures, latestRows } from "./breadth_words.js";
import { make, makeSvg } from "./elements.js";
import { createMarketHead, marketQuery } from "./market_view.js";
import { createPlots } from "./plot.js";

const FIRST_SPAN = "90";
const WITHIN_DAY = "day";
const SPANS = [["30", "30 days"], [FIRST_SPAN, "90 days"], ["250", "250 days"], [WITHIN_DAY, "Within the day"]];
const BAR_WIDTH = 100;
const BAR_HEIGHT = 6;

let context = null;
let parts = null;

export function mount(element, given) {
  context = given;
  parts = createParts();
  element.append(parts.root);
  window.addEventListener("hashchange", showPlots);
}

export function unmount() {
  window.removeEventListener("hashchange", showPlots);
  context = parts = null;
}

export function query() {
  const span = readSpan();
  return marketQuery("breadth", context, { days: span === WITHIN_DAY ? FIRST_SPAN : span });
}

export function show(body) {
  const isAnswer = parts.head.show(body);
  parts.content.classList.toggle("waiting", !isAnswer);
  if (!isAnswer) return;
  parts.content.hidden = false;
  parts.body = body;
  showLatest(latestRows(body.daily, body.reasons));
  parts.days.show(body.daily);
  showPlots();
}

function readSpan() {
  const span = context.url.get("breadth.span");
  return SPANS.some(([key]) => key === span) ? span : FIRST_SPAN;
}

function createParts() {
  const head = createMarketHead({ context, title: "Breadth" });
  const span = make("select", {}, ...SPANS.map(([value, textContent]) => make("option", { value, textContent })));
  const latest = make("tbody");
  const caption = make("caption", { textContent: "The last day" });
  const table = make("table", { className: "breadth-latest" }, caption, latest);
  const absent = make("p", { className: "view-message", hidden: true });
  const plots = { [WITHIN_DAY]: createPlots(INTRADAY), days: createPlots(DAILY) };
  const days = createDaysTable();
  const charts = make(
    "div", { className: "breadth-charts" }, make("label", { className: "breadth-span" }, "Charts of ", span), absent,
    plots[WITHIN_DAY].element, plots.days.element, days.element,
  );
  const content = make("div", { className: "breadth-content", hidden: true }, table, charts);
  const root = make("section", { className: "panel breadth" }, head.element, content);
  span.addEventListener("change", () => {
    context.url.set({ "breadth.span": span.value === FIRST_SPAN ? null : span.value });
    showPlots();
  });
  return { root, head, content, span, latest, absent, plots, days, body: null };
}

/** The way back may lead to another span of the same answer, so this is drawn without a new one. */
function showPlots() {
  if (parts.body === null) return;
  const { daily, intraday, intraday_absent: absent, reasons } = parts.body;
  const span = readSpan();
  const isWithin = span === WITHIN_DAY;
  parts.span.value = span;
  parts.plots[WITHIN_DAY].element.hidden = !isWithin || intraday === null;
  parts.plots.days.element.hidden = isWithin;
  parts.absent.hidden = !isWithin || intraday !== null;
  setText(parts.absent, reasons[absent] ?? "");
  if (!isWithin) parts.plots.days.show(daily.dates.map(dateText), drawnFigures(daily));
  else if (intraday !== null) parts.plots[WITHIN_DAY].show(intraday.times.map(formatMinute), drawnFigures(intraday));
}

function showLatest(rows) {
  if (parts.latest.children.length === 0) parts.latest.append(...rows.map(createLatestRow));
  rows.forEach(({ value, share, note }, i) => {
    const [, valueCell, noteCell] = parts.latest.children[i].cells;
    const [bar, text] = noteCell.children;
    setText(valueCell, value);
    setText(text, note);
    bar.classList.toggle("empty", share === null);
    bar.firstChild.setAttribute("width", BAR_WIDTH * (share ?? 0));
  });
}

function createLatestRow({ label }) {
  const bar = makeSvg(
    "svg", { class: "share-bar", viewBox: `0 0 ${BAR_WIDTH} ${BAR_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": true },
    makeSvg("rect", { height: BAR_HEIGHT }),
  );
  return make(
    "tr", {}, make("th", { scope: "row", textContent: label }), make("td"), make("td", {}, bar, make("span")),
  );
}
