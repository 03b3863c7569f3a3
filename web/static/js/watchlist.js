// The watch list: a table that is sorted, narrowed by what is typed, and walked through by keyboard. Its order and what
// was typed are part of the URL.

import { matches, sortRows } from "./market.js";
import { createRows, rowAge } from "./rows.js";
import { setText } from "./status.js";

// The columns by their names in the URL, and the fields of a row that they are sorted by.
const FIELDS = {
  symbol: "symbol", last: "last", change: "change", percent: "changePercent", previous: "referencePrice",
  volume: "dayVolume", age: "timestampMs",
};
const AS_AT_FIRST = "symbol";
// Browsers refuse pages that change their URL all the time.
const TYPING_PAUSE_MS = 300;

/** An order as the URL says it: a column's name, with "-" before it for the largest first. Others are as at first. */
export function parseOrder(text) {
  const descending = text?.startsWith("-") ?? false;
  const column = descending ? text.slice(1) : text;
  return column in FIELDS ? { column, descending } : { column: AS_AT_FIRST, descending: false };
}

/** The list in the elements that `find` gives by id, with its state in `url` (url_state.js); `onSelect(symbol)` is
 *  called for a click and for Enter on a row, and for Enter in the filter with the first row it leaves. */
export function createWatchlist({ find, url, onSelect }) {
  const table = find("watchlist");
  const filter = find("filter");
  const message = find("list-message");
  const body = table.tBodies[0];
  const views = createRows(body);
  let order = parseOrder(null);
  let typing = null;
  let rows = [];
  let explanation = "";
  let selected = null;

  function arrange() {
    const kept = rows.filter((row) => matches(row, filter.value));
    place(sortRows(kept, FIELDS[order.column], order.descending).map(({ symbol }) => views.get(symbol).element));
    setText(find("list-count"), countText(kept.length, rows.length));
    setText(message, rows.length > 0 ? `No symbol or company matches \u201c${filter.value}\u201d.` : explanation);
    message.hidden = kept.length > 0;
  }

  function place(wanted) {
    if (wanted.length === body.rows.length && wanted.every((element, i) => element === body.rows[i])) return;
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    // A row that is moved loses the focus.
    if (wanted.includes(focused)) focused.focus({ preventScroll: true });
    markSelected();
  }

  function markSelected() {
    for (const row of body.rows) row.ariaCurrent = row.dataset.symbol === selected ? "true" : null;
    placeTabStop([...body.rows].find((row) => row.ariaCurrent));
  }

  function placeTabStop(stop = body.rows[0]) {
    for (const row of body.rows) row.tabIndex = row === stop ? 0 : -1;
  }

  function moveFocus(row, key) {
    const last = body.rows.length - 1;
    const index = [...body.rows].indexOf(row);
    const to = { ArrowDown: Math.min(index + 1, last), ArrowUp: Math.max(index - 1, 0), Home: 0, End: last }[key];
    if (to === undefined) return false;
    focusRow(body.rows[to]);
    return true;
  }

  function focusRow(row) {
    placeTabStop(row);
    row?.focus();
  }

  /** Bring the chosen row into sight where the list scrolls by itself; elsewhere that would take the chart away. */
  function revealSelected() {
    const scroller = find("list-scroll");
    if (scroller.scrollHeight <= scroller.clientHeight) return;
    [...body.rows].find((row) => row.ariaCurrent)?.scrollIntoView({ block: "nearest" });
  }

  function showOrder() {
    for (const button of table.tHead.querySelectorAll("button")) {
      const sorted = button.dataset.sort === order.column;
      button.closest("th").ariaSort = sorted ? (order.descending ? "descending" : "ascending") : "none";
    }
  }

  table.tHead.addEventListener("click", ({ target }) => {
    const column = target.closest("button")?.dataset.sort;
    if (!column) return;
    // Names read best from A on, numbers from the largest.
    const descending = column === order.column ? !order.descending : column !== AS_AT_FIRST;
    const text = (descending ? "-" : "") + column;
    url.replace({ sort: text === AS_AT_FIRST ? null : text });
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
  filter.addEventListener("input", () => {
    arrange();
    find("list-scroll").scrollTop = 0;
    clearTimeout(typing);
    typing = setTimeout(() => url.replace({ filter: filter.value }), TYPING_PAUSE_MS);
  });
  filter.addEventListener("keydown", (event) => {
    const [first] = body.rows;
    if (first === undefined) return;
    if (event.key === "Enter") onSelect(first.dataset.symbol);
    else if (event.key === "ArrowDown") focusRow(first);
    else return;
    event.preventDefault();
  });

  return {
    arrange,
    /** Take order and filter from the URL. */
    readUrl() {
      order = parseOrder(url.get("sort"));
      // What is being typed is newer than what the URL says.
      if (document.activeElement !== filter) filter.value = url.get("filter") ?? "";
      showOrder();
      arrange();
    },
    /** Move the focus a row down ("ArrowDown") or up, from the row that has it, else to the chosen one. */
    move(key) {
      const focused = document.activeElement.closest("#watchlist tbody tr");
      if (focused !== null) moveFocus(focused, key);
      else focusRow([...body.rows].find((row) => row.tabIndex === 0));
    },
    /** Show rows of market.js; rows keep their places until `arrange`, unless rows came or went. */
    show(newRows) {
      const before = new Set(rows.map(({ symbol }) => symbol));
      rows = newRows;
      for (const row of rows) views.get(row.symbol).show(row);
      if (rows.length === before.size && rows.every(({ symbol }) => before.has(symbol))) return;
      views.keep(new Set(rows.map(({ symbol }) => symbol)));
      arrange();
      revealSelected();
    },
    /** Let the ages go on; `current` is false when what is shown is not to be trusted. */
    tick(nowMs, current) {
      for (const row of rows) views.get(row.symbol).showAge(rowAge(row, nowMs, current));
    },
    /** Mark a symbol's row, if it has one, as the one the chart shows. */
    select(symbol) {
      selected = symbol;
      markSelected();
      revealSelected();
    },
    /** Say why the list is empty, for as long as it is. */
    explain(text) {
      if (text === explanation) return;
      explanation = text;
      arrange();
    },
  };
}

function countText(shown, all) {
  return shown === all ? `${all} ${all === 1 ? "symbol" : "symbols"}` : `${shown} of ${all}`;
}
