// The rotation of sectors: a chart of quadrants with tails, and the same in numbers.

import { setText } from "../status.js";
import { createAbsenceList } from "./absence_list.js";
import { make } from "./elements.js";
import { createMarketHead, marketQuery } from "./market_view.js";
import { createQuadrantChart } from "./quadrant_chart.js";
import { createSectorsTable } from "./sectors_table.js";
import { BASES, basisText, rowsOf, sortRows, summaryText, tracksOf } from "./sectors_words.js";

const TAILS = [1, 4, 8, 12, 26];
const FIRST_TAIL = 8;
const FIRST_SORT = "ratio";

let context = null;
let parts = null;
let newest = null;
let isFollowingUrl = false;

export function mount(element, given) {
  // What is chosen of an answer is shown at once, also by the back button.
  if (!isFollowingUrl) given.url.onChange(() => showAnswer());
  isFollowingUrl = true;
  context = given;
  parts = createParts();
  element.append(parts.root);
}

export function unmount() {
  parts.chart.close();
  context = parts = newest = null;
}

export function query() {
  return marketQuery("sectors", context, { tail: readState().tail });
}

export function show(body) {
  const isAnswer = parts.head.show(body);
  parts.content.classList.toggle("waiting", !isAnswer);
  if (!isAnswer) return;
  newest = body;
  parts.shown = "";
  showAnswer();
}

function readState() {
  const get = (name) => context.url.get(`sectors.${name}`);
  const tail = Number(get("tail"));
  return {
    basis: BASES.find(({ basis }) => basis === get("basis")) ?? BASES[0],
    tail: TAILS.includes(tail) ? tail : FIRST_TAIL,
    sort: get("sort") ?? FIRST_SORT, order: get("order") === "asc" ? "asc" : "desc", chosen: get("chosen"),
  };
}

function change(changes) {
  context.url.set(Object.fromEntries(Object.entries(changes).map(([name, value]) => [`sectors.${name}`, value])));
}

function sortBy(name) {
  const { sort, order } = readState();
  const first = name === "sector" ? "asc" : "desc";
  const next = name === sort ? { asc: "desc", desc: "asc" }[order] : first;
  change({ sort: name === FIRST_SORT ? null : name, order: next === "desc" ? null : next });
}

function choose(sector) {
  change({ chosen: readState().chosen === sector ? null : sector });
}

function openRankings(sector) {
  context.url.set({ tab: "rankings", "rankings.sector": sector, "rankings.offset": null });
}

function createParts() {
  const head = createMarketHead({ context, title: "Sector rotation" });
  const bases = BASES.map(({ basis, label }) => {
    const button = make("button", { type: "button", value: basis, textContent: label });
    button.addEventListener("click", () => change({ basis: basis === BASES[0].basis ? null : basis }));
    return button;
  });
  const tail = make("select", {}, ...TAILS.map((weeks) => make("option", { value: weeks, textContent: weeks === 1 ? "none" : `${weeks} weeks` })));
  tail.addEventListener("change", () => change({ tail: Number(tail.value) === FIRST_TAIL ? null : tail.value }));
  const tools = make(
    "div", { className: "market-tools" },
    make("div", { className: "choice", role: "group", ariaLabel: "What a sector is" }, ...bases),
    make("label", {}, "Tail ", tail),
  );
  const chart = createQuadrantChart({ onChoose: choose });
  const table = createSectorsTable({ onSort: sortBy, onChoose: choose, onMembers: openRankings });
  const scroller = make("div", { className: "sectors-scroll", tabIndex: 0, role: "region", ariaLabel: "Table of the sectors" }, table.element);
  const week = make("p", { className: "market-basis" });
  const basis = make("p", { className: "market-basis" });
  const absent = createAbsenceList();
  const empty = make("p", { className: "view-message", textContent: "Of no symbol of this universe a sector is known." });
  const figures = make("div", { className: "sectors-figures" }, scroller, basis, absent.element);
  const drawing = make("div", { className: "sectors-drawing" }, chart.element, week);
  const both = make("div", { className: "sectors-both" }, drawing, figures);
  const content = make("div", { className: "sectors-content", hidden: true }, tools, empty, both);
  const root = make("section", { className: "panel sectors" }, head.element, content);
  return { root, head, content, bases, tail, chart, table, week, basis, absent, empty, both, drawing, shown: "" };
}

/** Show the newest answer as the URL wants it. */
function showAnswer() {
  if (newest === null) return;
  const state = readState();
  const wanted = JSON.stringify(state);
  if (parts.shown === wanted) return;
  parts.shown = wanted;
  const { basis: { basis, field }, sort, order, chosen, tail } = state;
  const rows = sortRows(rowsOf(newest, field), sort, order);
  parts.content.hidden = false;
  parts.empty.hidden = newest.groups.length > 0;
  parts.both.hidden = newest.groups.length === 0;
  for (const button of parts.bases) button.ariaPressed = String(button.value === basis);
  parts.tail.value = tail;
  const tracks = tracksOf(rows, basis, parts.drawing.clientWidth);
  parts.chart.show({ tracks, isProvisional: newest.week_provisional, chosen, summary: summaryText(rows) });
  parts.table.show({ answer: newest, rows, basis, sort, order, chosen });
  setText(parts.week, weekText(tracks, rows, newest));
  setText(parts.basis, basisText(newest, basis));
  parts.absent.show(absenceOf(rows, newest));
}

/** What is to be said below the chart: that it will change, or why it is empty. */
function weekText(tracks, rows, { week_provisional: isProvisional, reasons }) {
  if (tracks.length === 0) return reasons[rows[0]?.absent.ratio] ?? "";
  return isProvisional ? "Open circles: this week is not over, they still move." : "";
}

function absenceOf(rows, { windows, reasons }) {
  const columns = [{ name: "ratio", label: "Ratio" }, ...windows.map((days) => ({ name: `change_${days}d`, label: `Chg ${days} d` }))];
  const figuresOf = ({ ratio, changes }) => ({
    ratio, ...Object.fromEntries(windows.map((days) => [`change_${days}d`, changes[days].change])),
  });
  return { rows: rows.map((row) => ({ symbol: row.sector, figures: figuresOf(row), absent: row.absent })), columns, reasons };
}
