// The table of the rankings: one row for each symbol, kept while the symbol is on the page.

import { textIn } from "../cells.js";
import { direction } from "../format.js";
import { make, makeSvg } from "./elements.js";
import { figureText, figureTitle } from "./rankings_words.js";

const BAR_WIDTH = 100;
const BAR_HEIGHT = 8;
const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

/** The table: `element`, and `show(body)`. `onSort(name)` is called for a click on a heading, `onChoose(symbol)` for a
 *  symbol. Arrow keys (and j, k, Home, End) lead from symbol to symbol. */
export function createRankingsTable({ onSort, onChoose }) {
  const widths = make("colgroup");
  const headings = make("tr");
  const head = make("thead", {}, headings);
  const body = make("tbody");
  const caption = make("caption", { className: "visually-hidden", textContent: "Rankings: a symbol opens its chart." });
  const element = make("table", { className: "rankings-table" }, caption, widths, head, body);
  let rows = new Map();
  let shownColumns = "";

  head.addEventListener("click", ({ target }) => {
    const name = target.closest("button")?.dataset.sort;
    if (name) onSort(name);
  });
  body.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) onChoose(button.value);
  });
  body.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !moveFocus(event.target, event.key)) return;
    event.preventDefault();
  });

  function moveFocus(from, key) {
    const buttons = [...body.querySelectorAll("button")];
    const last = buttons.length - 1;
    const to = { Home: 0, End: last }[key] ?? Math.min(last, Math.max(0, buttons.indexOf(from) + STEPS[key]));
    if (Number.isNaN(to)) return false;
    placeTabStop(buttons[to]);
    buttons[to].focus();
    return true;
  }

  function placeTabStop(stop) {
    for (const button of body.querySelectorAll("button")) button.tabIndex = button === stop ? 0 : -1;
  }

  function showColumns(columns, { sort, order }) {
    const wanted = JSON.stringify([columns, sort, order]);
    if (wanted === shownColumns) return;
    shownColumns = wanted;
    const focused = headings.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
    const named = [{ name: "symbol", label: "Symbol", unit: "name", meaning: "" }, ...columns];
    widths.replaceChildren(...named.map(({ name, unit }) => make("col", { className: `unit-${unit} width-${name}` })));
    headings.replaceChildren(...named.map((column) => createHeading(column, column.name === sort ? order : null)));
    [...headings.querySelectorAll("button")].find(({ dataset }) => dataset.sort === focused)?.focus();
  }

  function place(elements) {
    if (elements.length === body.rows.length && elements.every((row, i) => row === body.rows[i])) return;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    body.replaceChildren(...elements);
    const stop = body.contains(focused) ? focused : body.querySelector("button");
    placeTabStop(stop);
    // A row that is moved loses the focus.
    if (focused !== null) stop?.focus({ preventScroll: true });
  }

  return {
    element,
    /** Show an answer of the endpoint. */
    show(answer) {
      const key = JSON.stringify(answer.columns.map(({ name }) => name));
      showColumns(answer.columns, answer);
      const before = rows;
      rows = new Map(answer.rows.map(({ symbol }) => [symbol, fitting(before.get(symbol), key) ?? createRow(symbol, answer.columns, key)]));
      answer.rows.forEach((row, i) => rows.get(row.symbol).show(row, answer.offset + i + 1, answer));
      place([...rows.values()].map((row) => row.element));
    },
  };
}

function fitting(row, key) {
  return row?.key === key ? row : undefined;
}

function createHeading({ name, label, meaning }, order) {
  const button = make("button", { type: "button", textContent: label, title: meaning });
  button.dataset.sort = name;
  const heading = make("th", { scope: "col", className: `figure-${name}` }, button);
  heading.ariaSort = order === null ? "none" : { asc: "ascending", desc: "descending" }[order];
  return heading;
}

function createRow(symbol, columns, key) {
  const place = make("span", { className: "place" });
  const button = make("button", { type: "button", value: symbol, textContent: symbol, tabIndex: -1 });
  const name = make("span", { className: "name" });
  const heading = make("th", { scope: "row" }, make("span", { className: "ranked-symbol" }, place, button, name));
  const cells = columns.map(createCell);
  const setPlace = textIn(place);
  const setName = textIn(name);
  return {
    element: make("tr", {}, heading, ...cells.map((cell) => cell.element)),
    key,
    show(row, number, answer) {
      setPlace(String(number));
      setName(row.name ?? "");
      heading.title = [row.name, row.sector].filter(Boolean).join(", ");
      for (const cell of cells) cell.show(row, answer);
    },
  };
}

function createCell(column) {
  const element = make("td", { className: `figure-${column.name}` });
  const bar = column.unit === "percentile" ? createBar(element) : null;
  const setText = textIn(element.appendChild(make("span")));
  return {
    element,
    show(row, answer) {
      const value = row.figures[column.name];
      const title = figureTitle(column, row, answer);
      setText(figureText(column, value));
      if (element.title !== title) element.title = title;
      if (column.unit === "fraction") element.dataset.direction = direction(value);
      bar?.show(value);
    },
  };
}

/** A bar as long as a percentile, none for an absent one; it repeats the number beside it, so readers are spared it. */
function createBar(cell) {
  const length = makeSvg("rect", { height: BAR_HEIGHT });
  const attributes = { viewBox: `0 0 ${BAR_WIDTH} ${BAR_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const bar = cell.appendChild(makeSvg("svg", { ...attributes, class: "percentile-bar" }, length));
  return {
    show(value) {
      bar.toggleAttribute("hidden", value === null);
      length.setAttribute("width", String(value ?? 0));
    },
  };
}
