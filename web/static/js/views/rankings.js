// The rankings: what each symbol of the universe did, sorted, of one sector or all, page by page.

import { setText } from "../status.js";
import { createAbsenceList } from "./absence_list.js";
import { make } from "./elements.js";
import { createMarketHead, marketQuery } from "./market_view.js";
import { createRankingsTable } from "./rankings_table.js";
import { basisText, rangeText } from "./rankings_words.js";

const PAGE_ROWS = 50;
const FIRST_SORT = "change_1d";
const FIRST_COLUMNS = [
  "price", "change_1d", "change_5d", "change_21d", "change_63d", "change_252d", "relative_63d", "strength_percentile",
  "relative_volume", "from_high", "dollar_volume",
];

let context = null;
let parts = null;
// All there are, told by the first answer; from then on only the chosen ones are asked for.
let allColumns = null;

export function mount(element, given) {
  context = given;
  parts = createParts();
  element.append(parts.root);
}

export function unmount() {
  context = parts = null;
}

export function query() {
  const state = readState();
  return marketQuery("rankings", context, {
    sort: state.sort, order: state.order, sector: state.sector, limit: PAGE_ROWS, offset: state.offset || null,
    columns: allColumns === null ? null : chosenColumns(state).map(({ name }) => name).join(","),
  });
}

export function show(body) {
  const isAnswer = parts.head.show(body);
  // What is still shown belongs to an earlier question; it may stay until this one is answered, not when it failed.
  parts.content.classList.toggle("waiting", !isAnswer);
  if (body.error !== undefined) parts.content.hidden = true;
  if (!isAnswer) return;
  if (allColumns === null) {
    allColumns = body.columns;
    context.refresh();
  }
  const state = readState();
  // Another universe or sector may have fewer pages.
  if (body.rows.length === 0 && body.offset > 0) context.url.replace({ "rankings.offset": null });
  const chosen = new Set(chosenColumns(state).map(({ name }) => name));
  showAnswer({ ...body, columns: body.columns.filter(({ name }) => chosen.has(name)) }, state);
}

function readState() {
  const get = (name) => context.url.get(`rankings.${name}`);
  const offset = Number(get("offset"));
  return {
    sort: get("sort") ?? FIRST_SORT, order: get("order") === "asc" ? "asc" : "desc", sector: get("sector"),
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0, columns: get("columns")?.split(",") ?? FIRST_COLUMNS,
  };
}

/** The columns to show, in the order of the server; what a shared URL names and does not exist is left out. */
function chosenColumns({ columns }) {
  const chosen = allColumns.filter(({ name }) => columns.includes(name));
  return chosen.length ? chosen : allColumns.filter(({ name }) => FIRST_COLUMNS.includes(name));
}

/** Change the view's part of the URL; another order or sector begins at the first page. */
function change(changes) {
  const all = { offset: null, ...changes };
  context.url.set(Object.fromEntries(Object.entries(all).map(([name, value]) => [`rankings.${name}`, value])));
}

function sortBy(name) {
  const { sort, order } = readState();
  // Names read best from A on, numbers from the largest.
  const first = name === "symbol" ? "asc" : "desc";
  const next = name === sort ? { asc: "desc", desc: "asc" }[order] : first;
  change({ sort: name === FIRST_SORT ? null : name, order: next === "desc" ? null : next });
}

function turnPage(by) {
  change({ offset: Math.max(0, readState().offset + by * PAGE_ROWS) || null });
}

function createParts() {
  const head = createMarketHead({ context, title: "Rankings" });
  const table = createRankingsTable({ onSort: sortBy, onChoose: context.chooseSymbol });
  const sector = make("select");
  const columns = make("fieldset", {}, make("legend", { className: "visually-hidden", textContent: "Columns" }));
  const previous = make("button", { type: "button", textContent: "Previous" });
  const next = make("button", { type: "button", textContent: "Next" });
  const range = make("span", { role: "status" });
  const basis = make("p", { className: "rankings-basis" });
  const absent = createAbsenceList();
  const tools = make(
    "div", { className: "market-tools" }, make("label", {}, "Sector ", sector),
    make("details", { className: "rankings-columns" }, make("summary", { textContent: "Columns" }), columns),
    make("span", { className: "rankings-pages" }, previous, range, next),
  );
  const scroller = make("div", { className: "rankings-scroll", tabIndex: 0, role: "region", ariaLabel: "Table of the rankings" }, table.element);
  const content = make("div", { className: "rankings-content", hidden: true }, tools, scroller, basis, absent.element);
  const root = make("section", { className: "panel rankings" }, head.element, content);

  sector.addEventListener("change", () => change({ sector: sector.value || null }));
  columns.addEventListener("change", () => chooseColumns(columns));
  previous.addEventListener("click", () => turnPage(-1));
  next.addEventListener("click", () => turnPage(1));
  return { root, head, content, table, sector, columns, previous, next, range, basis, absent };
}

function chooseColumns(fieldset) {
  const names = [...fieldset.querySelectorAll("input:checked")].map(({ value }) => value);
  const isFirst = names.length === FIRST_COLUMNS.length && names.every((name) => FIRST_COLUMNS.includes(name));
  context.url.set({ "rankings.columns": isFirst ? null : names.join(",") });
}

function showAnswer(answer, state) {
  parts.content.hidden = false;
  parts.table.show(answer);
  setText(parts.range, rangeText(answer));
  setText(parts.basis, basisText({ ...answer, columns: allColumns }));
  parts.previous.disabled = answer.offset === 0;
  parts.next.disabled = answer.offset + answer.rows.length >= answer.total;
  showSectors(answer);
  showColumnChoice(state);
  parts.absent.show(answer);
}

function showSectors({ sectors, sector, members }) {
  const options = [["", `All (${members})`], ...sectors.map((one) => [one.sector, `${one.sector} (${one.members})`])];
  const shown = [...parts.sector.options].map(({ textContent }) => textContent);
  if (options.length !== shown.length || options.some(([, text], i) => text !== shown[i])) {
    parts.sector.replaceChildren(...options.map(([value, textContent]) => make("option", { value, textContent })));
  }
  parts.sector.value = sector ?? "";
}

function showColumnChoice(state) {
  if (parts.columns.querySelector("input") === null) {
    for (const { name, label, meaning } of allColumns) {
      parts.columns.append(make("label", { title: meaning }, make("input", { type: "checkbox", value: name }), ` ${label}`));
    }
  }
  const chosen = new Set(chosenColumns(state).map(({ name }) => name));
  for (const box of parts.columns.querySelectorAll("input")) box.checked = chosen.has(box.value);
}
