// Data quality: how fresh and how complete today's minutes are, symbol by symbol, and what was corrected.

import { setText } from "../status.js";
import { COLUMNS, RUN_COLUMNS, factsOf, sortSymbols } from "./data_words.js";
import { make } from "./elements.js";

// What is stored changes each second, and how good it is hardly does.
const INTERVAL_MS = 10_000;
const FIRST_SORT = "coverage";

let context = null;
let parts = null;
let answer = null;
// Of the question that was answered last: when, and about which universe.
let asked = { atMs: Number.NEGATIVE_INFINITY, key: null };

export function mount(element, given) {
  context = given;
  asked = { atMs: Number.NEGATIVE_INFINITY, key: null };
  parts = createParts();
  element.append(parts.root);
}

export function unmount() {
  context = parts = answer = null;
}

/** Nothing of the market's state: it has a question of its own. */
export function query() {
  return null;
}

/** The question that is due in the place of this turn's poll, or null; ages go on with every turn. */
export function turn() {
  draw();
  const key = context.universe();
  return key === asked.key && context.nowMs() - asked.atMs < INTERVAL_MS ? null : () => load(key);
}

async function load(key) {
  const atMs = context.nowMs();
  try {
    const found = await context.ask("/api/quality", { universe: key, offset: context.offset() });
    if (context !== null) answer = found;
  } catch (error) {
    // The watch list says that there is no such universe, and turns to another.
    if (error.status !== 404) throw error;
  }
  asked = { atMs, key };
  draw();
}

function createParts() {
  const facts = make("dl", { className: "data-facts" });
  const message = make("p", { className: "view-message", role: "status", textContent: "Waiting for the first answer." });
  const symbols = createTable(COLUMNS, "Symbols");
  const runs = createTable(RUN_COLUMNS, "Days compared with the vendor");
  const noRuns = make("p", { className: "view-message", textContent: "None yet: a day is compared on the day after." });
  const notes = make("ul", { className: "data-notes" });
  const content = make(
    "div", { hidden: true }, facts, notes, make("h3", { textContent: "Days compared with the vendor" }), noRuns, runs,
    make("h3", { textContent: "Symbols" }), symbols,
  );
  symbols.tHead.addEventListener("click", ({ target }) => {
    const column = target.closest("button")?.dataset.column;
    if (column) sortBy(column);
  });
  symbols.tBodies[0].addEventListener("click", ({ target }) => {
    const symbol = target.closest("button")?.dataset.symbol;
    if (symbol) context.chooseSymbol(symbol);
  });
  const root = make("section", { className: "panel data" }, make("h2", { textContent: "Data quality" }), message, content);
  return { root, message, content, facts, notes, symbols, runs, noRuns };
}

function createTable(columns, name) {
  const cells = columns.map(({ key, label, title }) => {
    const heading = name === "Symbols" ? make("button", { type: "button", textContent: label }) : label;
    const cell = make("th", { scope: "col", title: title ?? "", className: `data-${key}` }, heading);
    if (name === "Symbols") heading.dataset.column = key;
    return cell;
  });
  const caption = make("caption", { className: "visually-hidden", textContent: name });
  return make("table", { className: "data-table" }, caption, make("thead", {}, make("tr", {}, ...cells)), make("tbody"));
}

function readOrder() {
  const text = context.url.get("data.sort") ?? FIRST_SORT;
  const descending = text.startsWith("-");
  const key = descending ? text.slice(1) : text;
  return COLUMNS.some((column) => column.key === key) ? { key, descending } : { key: FIRST_SORT, descending: false };
}

function sortBy(key) {
  const order = readOrder();
  const descending = key === order.key ? !order.descending : ["late", "age"].includes(key);
  const text = (descending ? "-" : "") + key;
  context.url.replace({ "data.sort": text === FIRST_SORT ? null : text });
}

function draw() {
  if (parts === null || answer === null) return;
  parts.message.hidden = true;
  parts.content.hidden = false;
  replaceWhereOther(parts.facts, factsOf(answer, context.nowMs()).map(createFact));
  replaceWhereOther(parts.notes, answer.notes.map((textContent) => make("li", { textContent })));
  parts.runs.hidden = answer.compared.length === 0;
  parts.noRuns.hidden = !parts.runs.hidden;
  drawRows(parts.runs, RUN_COLUMNS, answer.compared);
  const order = readOrder();
  for (const heading of parts.symbols.tHead.querySelectorAll("button")) {
    const isSorted = heading.dataset.column === order.key;
    heading.closest("th").ariaSort = isSorted ? (order.descending ? "descending" : "ascending") : "none";
  }
  drawRows(parts.symbols, COLUMNS, sortSymbols(answer, order.key, order.descending));
}

/** Give `element` these children, unless it says the same already: what is selected in it then stays. */
function replaceWhereOther(element, children) {
  const text = children.map(({ textContent }) => textContent).join("");
  if (element.textContent !== text) element.replaceChildren(...children);
}

function createFact({ term, text, detail }) {
  return make("div", {}, make("dt", { textContent: term }), make("dd", {}, text, make("small", { textContent: detail })));
}

/** Rows are kept by their place and changed in their texts, so that neither focus nor selection are lost. */
function drawRows(table, columns, rows) {
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.lastChild.remove();
  while (body.rows.length < rows.length) body.append(createRow(columns));
  for (const [place, row] of rows.entries()) {
    const cells = body.rows[place].cells;
    for (const [number, { text, state }] of columns.entries()) {
      const cell = cells[number];
      setText(cell.firstChild, text(row, answer, context.nowMs()));
      if (state) cell.dataset.state = state(row, answer);
    }
    const button = cells[0].querySelector("button");
    if (button) button.dataset.symbol = row.symbol;
  }
}

function createRow(columns) {
  const cells = columns.map(({ key }) => {
    if (key === "symbol") return make("th", { scope: "row" }, make("button", { type: "button" }));
    return make("td", { className: `data-${key}` }, make("span"));
  });
  return make("tr", {}, ...cells);
}
