// The rows of the watch list: made once, and then only changed where something changed.

import { createFlash, textIn } from "./cells.js";
import {
  NOT_KNOWN, direction, formatAge, formatChange, formatExact, formatPercent, formatPrice, formatVolume,
  tierText,
} from "./format.js";
import { createSparkline } from "./sparkline.js";
import { MINUTE_MS, formatDay, formatMinute } from "./time.js";

const COLUMNS = ["last", "change", "percent", "previous", "volume", "age"];

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

/** The rows by symbol. Trend, hints and flashes, which are nothing to read, are made of rows near the view only, or
 *  of all where the browser does not tell which those are. */
export function createRows(body) {
  const views = new Map();
  const flash = createFlash();
  const tellsSkipped = "ContentVisibilityAutoStateChangeEvent" in window;
  body.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
    views.get(target.dataset.symbol)?.see(!skipped);
  });

  return {
    /** The view of a symbol's row. */
    get(symbol) {
      if (!views.has(symbol)) views.set(symbol, createRow(symbol, flash, !tellsSkipped));
      return views.get(symbol);
    },
    /** Forget rows of other symbols than these. */
    keep(symbols) {
      for (const symbol of views.keys()) if (!symbols.has(symbol)) views.delete(symbol);
    },
  };
}

function createRow(symbol, flash, isSeen) {
  const element = document.createElement("tr");
  element.role = "row";
  element.dataset.symbol = symbol;
  element.tabIndex = -1;
  const setName = textIn(createHeading(element, symbol));
  const cells = Object.fromEntries(COLUMNS.map((column) => [column, createCell(element, column)]));
  const [setLast, setChange, setPercent, setPrevious, setVolume, setAge] = COLUMNS.map((column) => textIn(cells[column]));
  const spark = createSparkline();
  createCell(element, "spark").append(spark.element);
  let shown = null;

  function showDetails() {
    cells.last.title = shown.tier === null ? `Waiting for the first bar of ${symbol}.` : barText(shown);
    cells.change.title = cells.percent.title = referenceText(shown);
    cells.age.title = shown.heard ? "" : `The feed does not listen to ${symbol}: this is its last stored bar.`;
    cells.volume.title = shown.dayVolume === null ? "" : `${formatExact(shown.dayVolume)} shares`;
    spark.draw(shown.spark);
  }

  return {
    element,
    show(row) {
      // Rows are never changed in place: the same row is the same content.
      if (row === shown) return;
      setName(row.name ?? "");
      setLast(formatPrice(row.last));
      setChange(formatChange(row.change));
      setPercent(formatPercent(row.changePercent));
      setPrevious(formatPrice(row.referencePrice));
      setVolume(formatVolume(row.dayVolume));
      element.classList.toggle("unheard", !row.heard);
      element.dataset.direction = direction(row.change);
      const before = shown?.last ?? null;
      shown = row;
      if (!isSeen) return;
      showDetails();
      if (before !== null && row.last !== before) flash(cells.last, row.last > before ? "up" : "down");
    },
    /** Tell the row whether it is near the view. */
    see(isNear) {
      isSeen = isNear;
      if (isNear) showDetails();
    },
    showAge: setAge,
  };
}

function createHeading(row, symbol) {
  const heading = row.appendChild(document.createElement("th"));
  heading.scope = "row";
  heading.role = "rowheader";
  heading.className = "col-symbol";
  heading.append(`${symbol} `);
  const name = heading.appendChild(document.createElement("span"));
  name.className = "name";
  return name;
}

function createCell(row, name) {
  const cell = row.appendChild(document.createElement("td"));
  cell.role = "cell";
  cell.className = `col-${name}`;
  return cell;
}

function barText({ timestampMs, tier }) {
  return `Bar of ${formatDay(timestampMs)} ${formatMinute(timestampMs)} New York: ${tierText(tier)}`;
}
