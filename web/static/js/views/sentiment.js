// Sentiment: the gauge, the parts that it is made of with their weights, and how it went.

import { setText } from "../status.js";
import { dateText } from "./breadth_words.js";
import { make, makeSvg } from "./elements.js";
import { createGauge } from "./gauge.js";
import { createMarketHead, marketQuery } from "./market_view.js";
import { createPlots } from "./plot.js";
import { gaugeText, partWords } from "./sentiment_words.js";

const FIRST_DAYS = "90";
const PERIODS = ["30", FIRST_DAYS, "250"];
const BAR_HEIGHT = 8;
const rounded = (value) => String(Math.round(value));
const HISTORY = [
  {
    title: "Gauge by day", series: [{ name: "gauge", label: "", tone: "accent", format: rounded }],
    range: [0, 100], level: 50, formatMark: rounded,
  },
  {
    title: "Weight of the parts that were there",
    series: [{ name: "weight", label: "", tone: "faint", format: (value) => `${rounded(value)}%` }],
    range: [0, 100], formatMark: (value) => `${value}%`,
  },
];

let context = null;
let parts = null;

export function mount(element, given) {
  context = given;
  parts = createParts();
  element.append(parts.root);
}

export function unmount() {
  context = parts = null;
}

export function query() {
  return marketQuery("sentiment", context, { days: readDays() });
}

export function show(body) {
  const isAnswer = parts.head.show(body);
  parts.content.classList.toggle("waiting", !isAnswer);
  if (!isAnswer) return;
  parts.content.hidden = false;
  parts.gauge.show(body.gauge);
  setText(parts.words, gaugeText(body));
  showParts(body);
  parts.days.value = readDays();
  const { dates, gauge, weight_present: weights } = body.history;
  parts.plots.show(dates.map(dateText), { gauge, weight: weights.map((weight) => 100 * weight) });
}

function readDays() {
  const days = context.url.get("sentiment.days");
  return PERIODS.includes(days) ? days : FIRST_DAYS;
}

function createParts() {
  const head = createMarketHead({ context, title: "Sentiment" });
  const gauge = createGauge({ label: "Sentiment", ends: ["0 fear", "100 greed"] });
  const words = make("p", { className: "gauge-basis" });
  const rows = make("tbody");
  const headings = ["Part", "Score", "Weight", "Figure", "What it is"];
  const table = make(
    "table", { className: "sentiment-parts" }, make("caption", { className: "visually-hidden", textContent: "The parts of the gauge" }),
    make("thead", {}, make("tr", {}, ...headings.map((textContent) => make("th", { scope: "col", textContent })))), rows,
  );
  const days = make("select", {}, ...PERIODS.map((value) => make("option", { value, textContent: `${value} days` })));
  const plots = createPlots(HISTORY);
  const content = make(
    "div", { className: "sentiment-content", hidden: true },
    make("div", { className: "sentiment-now" }, make("div", { className: "sentiment-gauge" }, gauge.element, words), table),
    make("label", { className: "breadth-span" }, "Charts of ", days), plots.element,
  );
  const root = make("section", { className: "panel sentiment" }, head.element, content);
  days.addEventListener("change", () => context.url.set({ "sentiment.days": days.value === FIRST_DAYS ? null : days.value }));
  return { root, head, content, gauge, words, rows, days, plots };
}

function showParts(body) {
  if (parts.rows.children.length === 0) parts.rows.append(...body.parts.map(createPartRow));
  body.parts.forEach((part, i) => {
    const words = partWords(part, body);
    const [label, score, weight, figure, note] = parts.rows.children[i].cells;
    const [bar, text] = score.children;
    setText(label, words.label);
    setText(text, words.scoreText);
    bar.firstChild.setAttribute("width", words.score ?? 0);
    setText(weight, words.weight);
    setText(figure, words.figure);
    setText(note, words.note);
    parts.rows.children[i].classList.toggle("absent", words.score === null);
  });
}

function createPartRow() {
  const bar = makeSvg(
    "svg", { class: "share-bar", viewBox: `0 0 100 ${BAR_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": true },
    makeSvg("rect", { height: BAR_HEIGHT }),
  );
  return make(
    "tr", {}, make("th", { scope: "row" }), make("td", {}, bar, make("span")), make("td"), make("td"), make("td"),
  );
}
