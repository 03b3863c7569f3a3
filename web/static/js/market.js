// What the page knows of each symbol, merged from quotes (every 15 s) and bars (every poll). No DOM here.

import { priceDecimals } from "./format.js";

const SPARK_LENGTH = 60;
const MAX_ROWS = 500;

/** The change of a price against its reference, rounded to the decimals both were given with. */
export function changeAgainst(last, referencePrice) {
  if (last === null || !referencePrice) return { change: null, changePercent: null };
  const decimals = Math.max(priceDecimals(last), priceDecimals(referencePrice));
  const change = Number((last - referencePrice).toFixed(decimals));
  return { change, changePercent: (100 * change) / referencePrice };
}

/** The row of a symbol of which no bar is known yet. */
export function emptyRow(symbol) {
  return {
    symbol, timestampMs: null, last: null, tier: null, referencePrice: null, reference: null,
    change: null, changePercent: null, dayVolume: null, spark: [], asOfMs: 0,
  };
}

/** A quote as a row. What bars said later than the quote was made stays. */
export function mergeQuote(row, quote, serverTimeMs) {
  const quoted = {
    ...row,
    timestampMs: quote.timestamp, last: quote.last, tier: quote.tier, spark: quote.spark,
    referencePrice: quote.reference_price, reference: quote.reference,
    change: quote.change, changePercent: quote.change_percent,
    dayVolume: quote.day_volume, asOfMs: serverTimeMs,
  };
  if (serverTimeMs >= row.asOfMs) return quoted;
  const newer = { timestampMs: row.timestampMs, last: row.last, tier: row.tier, spark: row.spark, asOfMs: row.asOfMs };
  return { ...quoted, ...newer, ...changeAgainst(row.last, quote.reference_price) };
}

/** A bar merged into a row: null when it says nothing new. */
export function mergeTick(row, tick, serverTimeMs) {
  if (row.timestampMs !== null && tick.timestamp < row.timestampMs) return null;
  if (serverTimeMs < row.asOfMs) return null;
  const same = row.timestampMs === tick.timestamp;
  if (same && row.last === tick.close && row.tier === tick.tier) return null;
  return {
    ...row, ...changeAgainst(tick.close, row.referencePrice),
    timestampMs: tick.timestamp, last: tick.close, tier: tick.tier, asOfMs: serverTimeMs,
    spark: [...(same ? row.spark.slice(0, -1) : row.spark), tick.close].slice(-SPARK_LENGTH),
  };
}

/** Rows in order of a column; rows without a value come last in both directions, equal ones by symbol. */
export function sortRows(rows, key, descending) {
  const bySymbol = (a, b) => (a.symbol < b.symbol ? -1 : Number(a.symbol > b.symbol));
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (key === "symbol") return sign * bySymbol(a, b);
    if (a[key] === null || b[key] === null) return Number(a[key] === null) - Number(b[key] === null) || bySymbol(a, b);
    return sign * (a[key] - b[key]) || bySymbol(a, b);
  });
}

/** The rows of the page, by symbol. */
export function createMarket() {
  const rows = new Map();
  let universe = [];
  return {
    rows,
    /** List the universe's symbols, those without a bar too; of a universe beyond 500, only what is quoted. */
    setUniverse(symbols) {
      universe = symbols.length <= MAX_ROWS ? symbols : [];
      for (const symbol of universe) if (!rows.has(symbol)) rows.set(symbol, emptyRow(symbol));
    },
    /** Merge quotes; a symbol that is neither quoted nor in the universe any more leaves the list. */
    applyQuotes({ quotes, server_time: serverTimeMs }) {
      const kept = new Set([...quotes.map(({ symbol }) => symbol), ...universe]);
      for (const symbol of rows.keys()) if (!kept.has(symbol)) rows.delete(symbol);
      for (const quote of quotes) {
        rows.set(quote.symbol, mergeQuote(rows.get(quote.symbol) ?? emptyRow(quote.symbol), quote, serverTimeMs));
      }
    },
    /** Merge bars; true when any row is newer for it. Bars of symbols that are not listed are not for here. */
    applyTicks({ ticks, server_time: serverTimeMs }) {
      let changed = false;
      for (const tick of ticks) {
        const row = rows.get(tick.symbol);
        const merged = row ? mergeTick(row, tick, serverTimeMs) : null;
        if (merged) rows.set(tick.symbol, merged);
        changed ||= merged !== null;
      }
      return changed;
    },
    /** Tell whether any row was ever quoted. */
    isQuoted: () => [...rows.values()].some(({ dayVolume }) => dayVolume !== null),
    /** The start of the newest bar of all rows, or null. */
    newestBarMs() {
      const times = [...rows.values()].map(({ timestampMs }) => timestampMs).filter((time) => time !== null);
      return times.length ? Math.max(...times) : null;
    },
  };
}
