// The live list of a connection's tickers: rows are made once, and then only changed where something changed.

import { createFlash, textIn } from "../cells.js";
import { NOT_KNOWN, formatExact, formatPrice, formatVolume } from "../format.js";
import { formatMinute } from "../time.js";
import { count } from "./words.js";
import { make, makeCell, partsOf, setAttribute, setText } from "./parts.js";

const ARROWS = { up: "▲", down: "▼", flat: "" };
const SPOKEN = { up: "up", down: "down", flat: "" };
// Of the whole market a list shows so many; what is typed narrows it.
const MAX_ROWS = 500;

/** The tickers to show: those that begin with what is typed, in order, and how many more there are. */
export function chooseTickers(tickers, typed) {
  const wanted = typed.trim().toUpperCase();
  const matching = tickers.filter((ticker) => ticker.toUpperCase().startsWith(wanted)).sort();
  return { shown: matching.slice(0, MAX_ROWS), matching: matching.length };
}

/** The list in a card's element; `onMove(ticker)` is called for a ticker that is to be moved. */
export function createTickerList(root, prices, onMove) {
  const parts = partsOf(root);
  const body = root.querySelector("tbody");
  const flash = createFlash();
  const rows = new Map();
  let order = [];

  function place(wanted) {
    if (wanted.length === order.length && wanted.every((ticker, i) => ticker === order[i])) return;
    const row = document.activeElement?.closest?.("tr");
    const left = body.contains(row) ? row.dataset.ticker : undefined;
    const focused = wanted.includes(left) ? left : wanted[Math.min(order.indexOf(left), wanted.length - 1)];
    order = wanted;
    const kept = new Set(wanted);
    for (const ticker of rows.keys()) if (!kept.has(ticker)) rows.delete(ticker);
    body.replaceChildren(...wanted.map((ticker) => rowOf(ticker).element));
    placeTabStop(kept.has(focused) ? focused : wanted[0]);
    // A row that is moved loses the focus.
    if (kept.has(focused)) rows.get(focused).button.focus({ preventScroll: true });
  }

  function rowOf(ticker) {
    if (!rows.has(ticker)) {
      rows.set(ticker, createRow(ticker, flash));
      rows.get(ticker).show(prices.get(ticker));
    }
    return rows.get(ticker);
  }

  function placeTabStop(ticker) {
    for (const [name, { button }] of rows) button.tabIndex = name === ticker ? 0 : -1;
  }

  function moveFocus(from, key) {
    const last = order.length - 1;
    const index = order.indexOf(from);
    const to = { ArrowDown: Math.min(index + 1, last), ArrowUp: Math.max(index - 1, 0), Home: 0, End: last }[key];
    if (to === undefined) return false;
    placeTabStop(order[to]);
    rows.get(order[to]).button.focus();
    return true;
  }

  body.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) onMove(button.closest("tr").dataset.ticker);
  });
  body.addEventListener("keydown", (event) => {
    if (moveFocus(event.target.closest("tr").dataset.ticker, event.key)) event.preventDefault();
  });

  return {
    /** Show these tickers; `owners` has the owner's name of each that is not with its own connection. */
    arrange({ tickers, typed, owners, canMove, emptyText }) {
      const { shown, matching } = chooseTickers(tickers, typed);
      root.classList.toggle("can-move", canMove);
      place(shown);
      for (const ticker of shown) rows.get(ticker).mark(owners[ticker] ?? null, canMove);
      const borrowed = tickers.filter((ticker) => ticker in owners).length;
      setText(parts["list-count"], countText(shown.length, matching, tickers.length, borrowed));
      const noneMatches = `No ticker here begins with \u201c${typed.trim()}\u201d.`;
      setText(parts["list-message"], tickers.length > 0 ? noneMatches : emptyText);
      parts["list-message"].hidden = shown.length > 0;
    },
    /** Draw what changed of these tickers. */
    draw(changed) {
      for (const ticker of changed) rows.get(ticker)?.show(prices.get(ticker));
    },
  };
}

function countText(shown, matching, all, borrowed) {
  if (shown < matching) return `the first ${shown} of ${formatExact(matching)}: type to find others`;
  if (matching < all) return `${formatExact(matching)} of ${formatExact(all)}`;
  return count(all, "ticker") + (borrowed > 0 ? `, ${formatExact(borrowed)} of others` : "");
}

function createRow(ticker, flash) {
  const element = make("tr", "");
  element.role = "row";
  element.dataset.ticker = ticker;
  const heading = makeCell(element, "col-ticker", "th");
  const button = heading.appendChild(make("button", "ticker-button", ticker));
  button.type = "button";
  const owner = heading.appendChild(make("span", "owner"));
  const price = makeCell(element, "col-price");
  const setPrice = textIn(price);
  const arrow = price.appendChild(make("span", "arrow"));
  arrow.ariaHidden = "true";
  const setArrow = textIn(arrow);
  const setSpoken = textIn(price.appendChild(make("span", "visually-hidden")));
  const volume = makeCell(element, "col-volume");
  const setVolume = textIn(volume);
  const setMinute = textIn(makeCell(element, "col-minute"));

  return {
    element,
    button,
    /** Show the newest price; undefined: none came yet. */
    show(tick) {
      if (tick === undefined) return [setPrice, setVolume, setMinute].forEach((set) => set(NOT_KNOWN));
      setPrice(formatPrice(tick.price));
      setArrow(ARROWS[tick.direction]);
      setSpoken(SPOKEN[tick.direction]);
      setVolume(formatVolume(tick.volume));
      setMinute(formatMinute(tick.timestamp));
      setAttribute(element, "data-direction", tick.direction);
      if (tick.flash) flash(price, tick.direction);
    },
    /** Mark a ticker that belongs to another connection, and whether it can be moved. */
    mark(ownerName, canMove) {
      setText(owner, ownerName === null ? "" : `of ${ownerName}`);
      element.classList.toggle("moved", ownerName !== null);
      button.disabled = !canMove;
      button.title = canMove ? `Move ${ticker} to another connection` : "";
    },
  };
}
