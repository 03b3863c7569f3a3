// What the page knows of each symbol: quotes, kept current by the bars that came or were revised since. No DOM here.

import { priceDecimals } from "./format.js";

// The newest bars of a row whose volumes are known one by one; a quote brings the newest 20.
const MAX_RECENT = 60;
const SPARK_LENGTH = 60;
const MICRO = 1_000_000;

/** The change of a price against its reference, rounded to the decimals both were given with. */
export function changeAgainst(last, referencePrice) {
  if (last === null || !referencePrice) return { change: null, changePercent: null };
  const decimals = Math.max(priceDecimals(last), priceDecimals(referencePrice));
  const change = Number((last - referencePrice).toFixed(decimals));
  return { change, changePercent: (100 * change) / referencePrice };
}

/** `volume` (shares, null: not known) with one part exchanged, added in millionths of a share, as integers. */
export function exchangeVolume(volume, before, after) {
  if (volume === null) return null;
  return (Math.round(volume * MICRO) - Math.round(before * MICRO) + Math.round(after * MICRO)) / MICRO;
}

/** The row of a symbol of which no bar is known yet. `recent` holds [start of the minute, volume] of its newest bars,
 *  ascending, `spark` their closes and some from before; `stale` says that its quote is to be asked for again; a row that is not
 *  `heard` is of a symbol that the feed does not listen to. */
export function emptyRow(symbol, heard = true) {
  return {
    heard, symbol, name: null, timestampMs: null, last: null, tier: null, referencePrice: null, reference: null,
    change: null, changePercent: null, dayVolume: null, spark: [], recent: [], stale: false, asOfMs: 0,
  };
}

/** A quote as a row. */
export function quotedRow(quote, serverTimeMs, heard = true) {
  return {
    heard, symbol: quote.symbol, name: quote.name ?? null, timestampMs: quote.timestamp, last: quote.last, tier: quote.tier,
    referencePrice: quote.reference_price, reference: quote.reference, change: quote.change,
    changePercent: quote.change_percent, dayVolume: quote.day_volume, spark: quote.spark, recent: quote.recent,
    stale: false, asOfMs: serverTimeMs,
  };
}

/** A bar merged into a row, or taken out of it where it is withdrawn; the row itself when it says nothing new.
 *  `dayStartMs` is where the day's volume begins. */
export function mergeTick(row, tick, serverTimeMs, dayStartMs) {
  if (tick.withdrawn) return withdraw(row, tick, serverTimeMs, dayStartMs);
  if (row.timestampMs === null || tick.timestamp > row.timestampMs) return append(row, tick, serverTimeMs, dayStartMs);
  const place = row.recent.findLastIndex(([timestampMs]) => timestampMs === tick.timestamp);
  // What an older bar was before is not known, nor whether the close of the day before depends on it.
  if (place < 0) return row.stale ? row : { ...row, stale: true };
  return revise(row, place, tick, serverTimeMs, dayStartMs);
}

function append(row, tick, serverTimeMs, dayStartMs) {
  const added = tick.timestamp >= dayStartMs ? tick.volume : 0;
  return {
    ...row, ...newest(row, tick, serverTimeMs),
    dayVolume: exchangeVolume(row.dayVolume, 0, added), stale: row.stale || row.dayVolume === null,
    recent: [...row.recent, [tick.timestamp, tick.volume]].slice(-MAX_RECENT),
    spark: [...row.spark, tick.close].slice(-SPARK_LENGTH),
  };
}

function revise(row, place, tick, serverTimeMs, dayStartMs) {
  const fromEnd = row.recent.length - place;
  const isNewest = fromEnd === 1;
  const known = row.recent[place][1];
  const sameClose = row.spark.at(-fromEnd) === tick.close;
  if (known === tick.volume && sameClose && (!isNewest || row.tier === tick.tier)) return row;
  const today = tick.timestamp >= dayStartMs;
  return {
    ...row, ...(isNewest ? newest(row, tick, serverTimeMs) : {}),
    dayVolume: today ? exchangeVolume(row.dayVolume, known, tick.volume) : row.dayVolume, stale: row.stale || !today,
    recent: row.recent.with(place, [tick.timestamp, tick.volume]),
    spark: row.spark.with(row.spark.length - fromEnd, tick.close),
  };
}

function withdraw(row, { timestamp }, serverTimeMs, dayStartMs) {
  const place = row.recent.findLastIndex(([timestampMs]) => timestampMs === timestamp);
  if (place < 0) return row.stale || row.timestampMs === null ? row : { ...row, stale: true };
  const [, volume] = row.recent[place];
  const kept = {
    ...row, stale: true, recent: row.recent.toSpliced(place, 1),
    spark: row.spark.toSpliced(place - row.recent.length, 1),
    dayVolume: timestamp >= dayStartMs ? exchangeVolume(row.dayVolume, volume, 0) : row.dayVolume,
  };
  if (timestamp !== row.timestampMs) return kept;
  // The tier of the one before is not known; the quote that is asked for again tells.
  const before = { timestamp: kept.recent.at(-1)?.[0] ?? null, close: kept.spark.at(-1) ?? null, tier: row.tier };
  return { ...kept, ...newest(row, before, serverTimeMs) };
}

function newest(row, { timestamp, close, tier }, serverTimeMs) {
  return { timestampMs: timestamp, last: close, tier, asOfMs: serverTimeMs, ...changeAgainst(close, row.referencePrice) };
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

/** Whether a row is meant by what was typed: the beginning of its symbol, or a part of its company's name. */
export function matches({ symbol, name }, typed) {
  const text = typed.trim().toLowerCase();
  // Some write a class of shares with a dash where the feed has a dot.
  return symbol.toLowerCase().startsWith(text.replace("-", ".")) || (name ?? "").toLowerCase().includes(text);
}

/** The rows of the page, by symbol. Rows are never changed in place: the same row is the same content. */
export function createMarket() {
  let rows = new Map();
  let universe = [];
  let unheard = new Set();
  const isHeard = (symbol) => !unheard.has(symbol);
  return {
    get rows() {
      return rows;
    },
    /** List the universe's symbols, some of which nobody listens to; they have no values before their quotes come. */
    setUniverse(symbols, unheardSymbols = []) {
      universe = symbols;
      unheard = new Set(unheardSymbols);
      const row = (symbol) => ({ ...(rows.get(symbol) ?? emptyRow(symbol)), heard: isHeard(symbol) });
      rows = new Map(symbols.map((symbol) => [symbol, row(symbol)]));
    },
    /** Take these quotes for all there are. */
    replaceQuotes({ quotes, server_time: serverTimeMs }) {
      rows = new Map(universe.map((symbol) => [symbol, emptyRow(symbol, isHeard(symbol))]));
      for (const quote of quotes) rows.set(quote.symbol, quotedRow(quote, serverTimeMs, isHeard(quote.symbol)));
    },
    /** Take the quotes of some rows that are listed. */
    mergeQuotes({ quotes, server_time: serverTimeMs }) {
      for (const quote of quotes.filter(({ symbol }) => rows.has(symbol))) {
        rows.set(quote.symbol, quotedRow(quote, serverTimeMs, isHeard(quote.symbol)));
      }
    },
    /** Merge bars; true when they changed anything. Bars of symbols that are not listed are not for here. */
    applyTicks({ ticks, server_time: serverTimeMs }, dayStartMs) {
      let changed = false;
      for (const tick of ticks) {
        const row = rows.get(tick.symbol);
        if (row === undefined) continue;
        const merged = mergeTick(row, tick, serverTimeMs, dayStartMs);
        changed ||= merged !== row;
        rows.set(tick.symbol, merged);
      }
      return changed;
    },
    /** The symbols whose quotes are to be asked for again. */
    staleSymbols: () => [...rows.values()].filter(({ stale }) => stale).map(({ symbol }) => symbol),
    /** Tell whether any row was ever quoted. */
    isQuoted: () => [...rows.values()].some(({ dayVolume }) => dayVolume !== null),
    /** The start of the newest bar of all that is listened to, or null. */
    newestBarMs() {
      const heard = [...rows.values()].filter(({ heard }) => heard);
      const times = heard.map(({ timestampMs }) => timestampMs).filter((time) => time !== null);
      return times.length ? Math.max(...times) : null;
    },
  };
}
