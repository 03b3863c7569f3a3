// The watch list: a table whose rows are made once and then only changed where something changed.

import {
  NOT_KNOWN, direction, formatAge, formatChange, formatExact, formatPercent, formatPrice, formatVolume,
  tierText,
} from "./format.js";
import { sortRows } from "./market.js";
import { createSparkline } from "./sparkline.js";
import { setText } from "./status.js";
import { MINUTE_MS, formatDay, formatMinute } from "./time.js";

const FLASH_MS = 500;
const COLUMNS = ["last", "change", "percent", "volume", "age", "spark"];
/** The age of a row's last bar: since its minute ended, and "live" while that minute still runs. When what is shown
 *  is not `current`, a bar is as old as its last change. */
export function rowAge({ timestampMs, tier, asOfMs }, nowMs, current) {
  if (timestampMs === null) return NOT_KNOWN;
  const ageMs = nowMs - timestampMs - MINUTE_MS;
  if (ageMs >= 0) return formatAge(ageMs);
  if (!current) return formatAge(nowMs - asOfMs);
  return tier === "live" ? "live" : formatAge(0);
}

/** What a change is measured against, as a sentence. */
export function referenceText({ reference, referencePrice }) {
  if (reference === null) return "No bar of the regular session before is stored, so its close is not known.";
  return `Against the previous close, ${formatPrice(referencePrice)}`;
}

/** The table; `onSelect(symbol)` is called for a click and for Enter on a row. */
export function createWatchlist({ table, message, onSelect }) {
  const body = table.tBodies[0];
  const views = new Map();
  const order = { key: "symbol", descending: false };
  let rows = [];
  let selected = null;

  function view(symbol) {
    if (!views.has(symbol)) views.set(symbol, createRow(symbol));
    return views.get(symbol);
  }

  function arrange() {
    const wanted = sortRows(rows, order.key, order.descending).map(({ symbol }) => view(symbol).element);
    if (wanted.length === body.rows.length && wanted.every((element, i) => element === body.rows[i])) return;
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    // A row that is moved loses the focus.
    if (wanted.includes(focused)) focused.focus({ preventScroll: true });
    markSelected();
  }

  function markSelected() {
    for (const row of body.rows) row.ariaCurrent = row.dataset.symbol === selected ? "true" : null;
    placeTabStop();
  }

  function placeTabStop(element = views.get(selected)?.element) {
    const stop = body.contains(element) ? element : body.rows[0];
    for (const row of body.rows) row.tabIndex = row === stop ? 0 : -1;
  }

  function moveFocus(row, key) {
    const last = body.rows.length - 1;
    const index = [...body.rows].indexOf(row);
    const to = { ArrowDown: Math.min(index + 1, last), ArrowUp: Math.max(index - 1, 0), Home: 0, End: last }[key];
    if (to === undefined) return false;
    placeTabStop(body.rows[to]);
    body.rows[to].focus();
    return true;
  }

  function showOrder() {
    for (const button of table.tHead.querySelectorAll("button")) {
      const sorted = button.dataset.sort === order.key;
      button.closest("th").ariaSort = sorted ? (order.descending ? "descending" : "ascending") : "none";
    }
  }

  table.tHead.addEventListener("click", ({ target }) => {
    const key = target.closest("button")?.dataset.sort;
    if (!key) return;
    // Names read best from A on, numbers from the largest.
    order.descending = key === order.key ? !order.descending : key !== "symbol";
    order.key = key;
    showOrder();
    arrange();
  });
  body.addEventListener("click", ({ target }) => {
    const row = target.closest("tr");
    if (row) onSelect(row.dataset.symbol);
  });
  body.addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    if (event.key === "Enter" || event.key === " ") onSelect(row.dataset.symbol);
    else if (!moveFocus(row, event.key)) return;
    event.preventDefault();
  });

  return {
    arrange,
    /** Show rows of market.js; rows keep their places until `arrange`, unless rows came or went. */
    show(newRows) {
      const before = rows.length;
      rows = newRows;
      const symbols = new Set(rows.map(({ symbol }) => symbol));
      const gone = [...views.keys()].filter((symbol) => !symbols.has(symbol));
      for (const symbol of gone) views.delete(symbol);
      for (const row of rows) view(row.symbol).show(row);
      if (gone.length || rows.length !== before) arrange();
      message.hidden = rows.length > 0;
    },
    /** Let the ages go on; `current` is false when what is shown is not to be trusted. */
    tick(nowMs, current) {
      for (const row of rows) view(row.symbol).showAge(rowAge(row, nowMs, current));
    },
    /** Mark a symbol's row, if it has one, as the one the chart shows. */
    select(symbol) {
      selected = symbol;
      markSelected();
    },
    explain: (text) => setText(message, text),
  };
}

function createRow(symbol) {
  const element = document.createElement("tr");
  element.dataset.symbol = symbol;
  element.tabIndex = -1;
  const heading = element.appendChild(document.createElement("th"));
  heading.scope = "row";
  heading.className = "col-symbol";
  heading.textContent = symbol;
  const cells = Object.fromEntries(COLUMNS.map((name) => [name, createCell(element, name)]));
  const spark = createSparkline();
  cells.spark.append(spark.element);
  let shown = null;

  return {
    element,
    show(row) {
      // Rows are never changed in place: the same row is the same content.
      if (row === shown) return;
      setText(cells.last, formatPrice(row.last));
      setText(cells.change, formatChange(row.change));
      setText(cells.percent, formatPercent(row.changePercent));
      setText(cells.volume, formatVolume(row.dayVolume));
      cells.last.title = row.tier === null ? `Waiting for the first bar of ${symbol}.` : barText(row);
      cells.change.title = cells.percent.title = referenceText(row);
      cells.volume.title = row.dayVolume === null ? "" : `${formatExact(row.dayVolume)} shares`;
      element.dataset.direction = direction(row.change);
      spark.draw(row.spark);
      if (shown !== null && shown.last !== null && row.last !== shown.last) flash(cells.last, row.last > shown.last);
      shown = row;
    },
    showAge: (text) => setText(cells.age, text),
  };
}

function flash(cell, up) {
  const name = up ? "flash-up" : "flash-down";
  cell.classList.add(name);
  setTimeout(() => cell.classList.remove(name), FLASH_MS);
}

function createCell(row, name) {
  const cell = row.appendChild(document.createElement("td"));
  cell.className = `col-${name}`;
  return cell;
}

function barText({ timestampMs, tier }) {
  return `Bar of ${formatDay(timestampMs)} ${formatMinute(timestampMs)} New York: ${tierText(tier)}`;
}
