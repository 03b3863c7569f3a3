// The chosen symbol in the chosen timeframe: its history, the bars that follow, and those from before.

import { MAX_BARS } from "./bars.js";
import { PATTERN_TIMEFRAMES, createEvents } from "./chart_markers.js";

// Bars of earlier days that changed are read again some together; a repair changes many, one after the other.
const REREAD_INTERVAL_MS = 5_000;

/** Follows one symbol in the chart; `onSpelling(symbol)` is told when the server spells the chosen symbol in another
 *  way than the URL did, and `nowMs` is a clock for intervals. */
export function createSelection({ reader, chart, market, onSpelling, nowMs = Date.now }) {
  let symbol = null;
  let timeframe = null;
  let state = "none"; // none, wanted, loaded, unknown
  let isAnew = true;
  let olderWanted = false;
  let isAllRead = false;
  let arePatternsWanted = false;
  const events = createEvents();
  let changedMs = [];
  let rereadMs = -Infinity;

  /** Ask the question that is due; what is answered after another choice is let go. */
  async function load() {
    if (state !== "loaded") return loadHistory();
    if (arePatternsWanted) return loadPatterns();
    return olderWanted ? loadOlder() : reread();
  }

  /** Whether symbol and timeframe are those of when this was called. */
  function choice() {
    const [chosen, frame] = [symbol, timeframe];
    return () => symbol === chosen && timeframe === frame;
  }

  async function loadHistory() {
    const isCurrent = choice();
    const read = await history();
    if (!isCurrent()) return;
    if (read !== null && read.symbol !== symbol) {
      onSpelling(read.symbol);
      return;
    }
    state = read === null ? "unknown" : "loaded";
    olderWanted = false;
    isAllRead = read?.fromMs === 0;
    changedMs = [];
    // When few bars are drawn, older ones are wanted at once.
    if (read !== null) chart.load(read, { anew: isAnew });
    isAnew = false;
    say();
    events.replace([]);
    arePatternsWanted = chart.size > 0 && PATTERN_TIMEFRAMES.has(timeframe);
    if (arePatternsWanted) await loadPatterns();
  }

  async function loadPatterns() {
    const isCurrent = choice();
    const found = await reader.patterns(symbol, timeframe);
    if (!isCurrent()) return;
    arePatternsWanted = false;
    events.replace(found);
    chart.setMarkers(events.all());
  }

  function followPatterns(found) {
    const own = found.filter((event) => event.symbol === symbol && event.timeframe === timeframe);
    if (own.length === 0) return;
    events.merge(own);
    chart.setMarkers(events.all());
  }

  async function history() {
    // Before its first bar a symbol of the watch list may not be known to the database.
    if (market.rows.get(symbol)?.timestampMs === null) return reader.nothing(symbol, timeframe);
    try {
      return await reader.newest(symbol, timeframe, isAnew || chart.fromMs === 0 ? null : chart.fromMs);
    } catch (error) {
      if (error.status !== 404) throw error;
      return null;
    }
  }

  async function loadOlder() {
    const isCurrent = choice();
    // Should this fail, bars of now go first; who scrolls on asks again.
    olderWanted = false;
    const toMs = chart.fromMs;
    const read = await reader.before(symbol, timeframe, toMs);
    if (!isCurrent()) return;
    isAllRead = read.fromMs === 0 || chart.size + read.bars.length > MAX_BARS;
    if (chart.size + read.bars.length <= MAX_BARS) chart.exchange({ fromMs: read.fromMs, toMs }, read.bars);
  }

  async function reread() {
    const isCurrent = choice();
    rereadMs = nowMs();
    const stretch = reader.datesOf(changedMs);
    const read = await reader.stretch(symbol, timeframe, stretch);
    if (!isCurrent()) return;
    changedMs = [];
    chart.exchange(stretch, read.bars);
  }

  function say() {
    if (state === "unknown") chart.say(`TickStock does not know the symbol ${symbol}. Choose one of the watch list.`);
    else if (chart.size > 0) chart.say("");
    else chart.say(state === "loaded" ? `Waiting for the first bar of ${symbol}.` : `Loading the bars of ${symbol}.`);
  }

  return {
    get symbol() {
      return symbol;
    },
    get timeframe() {
      return timeframe;
    },
    /** Turn to a symbol and a timeframe. */
    choose(newSymbol, newTimeframe) {
      if (newSymbol === symbol && newTimeframe === timeframe) return;
      if (newSymbol !== symbol) chart.show(newSymbol);
      [symbol, timeframe] = [newSymbol, newTimeframe];
      state = "wanted";
      isAnew = true;
      chart.describe(symbol, timeframe);
      say();
    },
    /** Tell whether something is to be loaded: the symbol was chosen or is known by now, older bars are to be seen, or
     *  ones that are drawn changed. */
    isWanted() {
      if (state !== "loaded") return state === "wanted" || (state === "unknown" && market.rows.has(symbol));
      return arePatternsWanted || olderWanted || (changedMs.length > 0 && nowMs() - rereadMs >= REREAD_INTERVAL_MS);
    },
    load,
    /** Have the history loaded again; what the chart shows stays until then. */
    loadAgain() {
      if (state === "loaded") state = "wanted";
    },
    /** Have bars from before those of the chart loaded; false when there are none, or they are under way. */
    wantOlder() {
      if (state !== "loaded" || olderWanted || isAllRead) return false;
      olderWanted = true;
      return true;
    },
    /** The symbol, when its bars are to be asked for beside those of the watch list; else null. */
    unlisted: () => (state === "loaded" && !market.rows.has(symbol) ? symbol : null),
    /** Whether patterns are looked for in bars of the timeframe. */
    hasPatterns: () => PATTERN_TIMEFRAMES.has(timeframe),
    /** Merge an answer's bars and patterns of any symbols, which came or were revised since the history. */
    follow({ ticks, patterns = [], patterns_more: areTooMany = false }) {
      if (state !== "loaded") return;
      changedMs.push(...chart.update(ticks.filter((tick) => tick.symbol === symbol)));
      arePatternsWanted ||= areTooMany && PATTERN_TIMEFRAMES.has(timeframe);
      followPatterns(patterns);
      say();
    },
  };
}
