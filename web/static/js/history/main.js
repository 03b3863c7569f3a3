// The page of what is stored: the heat map, a day in detail, and what can be asked of the vendor.

import { ApiError } from "../api.js";
import { createDialog } from "../admin/dialog.js";
import { make, setText, showEach } from "../admin/parts.js";
import { createDetail } from "./detail.js";
import { createLoads } from "./loads.js";
import { createMap } from "./map.js";
import { createRequests } from "./requests.js";
import { STATES, cellText, countsText, datesText, loadCommand, lackingSpans, lacks, questionFor, questionForEnd, rowsOf } from "./words.js";

const MOST_LISTED = 200;
const SYMBOLS_AT_ONCE = 1_000;
const LOADS_EVERY_MS = 5_000;
const find = (id) => document.getElementById(id);
const requests = createRequests({ token: () => document.querySelector('meta[name="csrf-token"]').content });
const dialog = createDialog(find);
const detail = createDetail(find);
const map = createMap(find("map"), { onPoint: point, onChoose: choose });

const loads = createLoads(find("loads"), (load) =>
  dialog.ask({ ...questionForEnd(load), fields: null, run: () => told("loads-result", () => requests.endLoad(load.id), showLoads) }));

let days = [];
let rows = [];
let total = 0;
let offset = 0; // so many symbols are passed over
let round = 0; // of questions: what an older one answers is not shown

function visible() {
  return find("only").checked ? rows.filter(lacks) : rows;
}

function point(row, column) {
  const { symbol, cells } = visible()[row];
  setText(find("cell-words"), cellText(symbol, days[column], cells[column]));
}

async function choose(row, column) {
  await showDay(visible()[row].symbol, days[column].date);
  find("detail").focus();
}

async function showDay(symbol, date) {
  await guarded(async () => detail.show(await requests.symbolDay(symbol, date)));
}

/** What the address asks for, as parameters of the API. */
function asked() {
  const known = new URLSearchParams(location.search);
  const query = {};
  for (const name of ["universe", "symbols", "from", "to"]) if (known.get(name)) query[name] = known.get(name);
  return query;
}

async function load() {
  const mine = ++round;
  offset = Number.parseInt(new URLSearchParams(location.search).get("offset") ?? "0", 10) || 0;
  [rows, total] = [[], 0];
  setText(find("coverage-words"), "Loading…");
  await guarded(async () => {
    let answer = null;
    do {
      answer = await requests.coverage(asked(), offset + rows.length);
      if (mine !== round) return;
      days = rows.length === 0 ? answer.days : days;
      rows = [...rows, ...rowsOf(answer)];
      total = answer.total;
      show();
    } while (answer.symbols.length > 0 && rows.length < Math.min(SYMBOLS_AT_ONCE, total - offset));
  });
}

function show() {
  map.show(days, visible());
  setText(find("coverage-words"), countsText(rows, { total, offset, most: SYMBOLS_AT_ONCE }));
  find("pager").hidden = total <= SYMBOLS_AT_ONCE && offset === 0;
  find("pager-before").disabled = offset === 0;
  find("pager-after").disabled = offset + SYMBOLS_AT_ONCE >= total;
  const spans = lackingSpans(rows, days);
  find("nothing-lacks").hidden = spans.length > 0 || rows.length === 0;
  find("lacking-table").hidden = spans.length === 0;
  find("ask-all").hidden = spans.length === 0;
  const command = loadCommand(asked(), spans);
  find("command-words").hidden = command === "";
  setText(find("command"), command);
  setText(find("lacking-more"), spans.length > MOST_LISTED ? `and ${spans.length - MOST_LISTED} more` : "");
  showEach(find("lacking"), spans.slice(0, MOST_LISTED), createLackingRow, showLackingRow);
}

function createLackingRow() {
  const row = document.createElement("tr");
  const name = make("th", "");
  name.scope = "row";
  const button = make("button", "button", "Ask the vendor…");
  button.type = "button";
  button.addEventListener("click", () => ask([row.span.symbol], row.span.from, row.span.to));
  const action = make("td", "");
  action.append(button);
  row.append(name, make("td", ""), make("td", ""), action);
  return row;
}

function showLackingRow(row, span) {
  row.span = span;
  row.dataset.state = span.state;
  const [name, dates, what, action] = row.children;
  setText(name, span.symbol);
  setText(dates, datesText(span.from, span.to));
  setText(what, STATES[span.state].word);
  action.firstElementChild.ariaLabel = `Ask the vendor for ${span.symbol}, ${datesText(span.from, span.to)}`;
}

function ask(symbols, from, to) {
  dialog.ask({ ...questionFor(symbols, from, to), fields: null, run: () => carryOut(symbols, from, to) });
}

function carryOut(symbols, from, to) {
  return told("result", () => requests.repair(symbols, from, to), load);
}

/** Carry out what was confirmed: {isDone, message}, as the dialog wants it; what was done is told in an element. */
async function told(id, request, onDone) {
  try {
    const { message } = await request();
    setText(find(id), message);
    onDone();
    return { isDone: true };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { isDone: false, message: error.message };
  }
}

async function showLoads() {
  await guarded(async () => {
    const known = await requests.loads();
    loads.show(known);
  });
}

function askForAll() {
  const spans = lackingSpans(rows, days);
  const symbols = [...new Set(spans.map(({ symbol }) => symbol))];
  const dates = spans.flatMap(({ from, to }) => [from, to]).sort();
  ask(symbols, dates[0], dates.at(-1));
}

async function guarded(run) {
  try {
    await run();
    find("banner").hidden = true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    find("banner").hidden = false;
    setText(find("banner-headline"), error.status === 401 ? "Your session has ended." : error.message);
    find("banner-login").hidden = error.status !== 401;
    if (rows.length === 0) setText(find("coverage-words"), "Nothing could be loaded.");
  }
}

/** Whether what was typed names symbols, and not a universe: "AAPL,MSFT" or "AAPL". */
function isSymbols(text) {
  return text.includes(",") || /^[A-Z][A-Z.]{0,5}$/.test(text);
}

function submit(event) {
  event.preventDefault();
  const whom = find("whom").value.trim();
  const query = new URLSearchParams();
  if (whom) query.set(isSymbols(whom) ? "symbols" : "universe", whom);
  for (const name of ["from", "to"]) if (find(name).value) query.set(name, find(name).value);
  history.replaceState(null, "", query.size > 0 ? `?${query}` : location.pathname);
  load();
}

/** Show the symbols before or after those that are shown. */
function turn(step) {
  const query = new URLSearchParams(location.search);
  query.set("offset", Math.max(0, offset + step));
  history.replaceState(null, "", `?${query}`);
  load();
}

function showLegend() {
  showEach(find("legend"), Object.entries(STATES), () => make("li", ""), (item, [state, { word }]) => {
    item.dataset.state = state;
    setText(item, word);
  });
}

const first = asked();
find("whom").value = first.universe ?? first.symbols ?? "";
find("from").value = first.from ?? "";
find("to").value = first.to ?? "";
find("range").addEventListener("submit", submit);
find("only").addEventListener("change", show);
find("pager-before").addEventListener("click", () => turn(-SYMBOLS_AT_ONCE));
find("pager-after").addEventListener("click", () => turn(SYMBOLS_AT_ONCE));
find("ask-all").addEventListener("click", askForAll);
find("detail-ask").addEventListener("click", () => {
  const { symbol, day } = detail.shown();
  ask([symbol], day.date, day.date);
});
showLegend();
load();
showLoads();
setInterval(() => document.hidden || showLoads(), LOADS_EVERY_MS);
