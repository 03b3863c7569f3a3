// Reads the bars of a chart: the newest ones, those from before, and a stretch once more; all adjusted for splits. And
// the patterns that were found in them.

import { createCalendar } from "./sessions.js";
import { tradingDayStartMs } from "./time.js";

const DAY_MS = 86_400_000;
// How far back bars are read at first, and again with each step back: some hundreds of bars or more.
const DAYS = { "1m": 4, "5m": 14, "15m": 45, "1h": 180, "1d": 1825 };
const LIMIT = 20_000;
const WIDER = 10;
// The API reads small numbers as seconds; no bar is as old as that.
const BEFORE_ALL_MS = Date.UTC(1980, 0);

/** Reads by `api`; `nowMs` is the server's clock. What is read begins with a date of New York. */
export function createBarReader({ api, nowMs }) {
  let calendar = null;

  /** The bars of the newest stretch before `endMs` that has some; `fromMs` is 0 when there are none at all. The stretch
   *  grows while it is empty, and is halved between what was empty and what was too much for an answer. */
  async function back(symbol, timeframe, endMs) {
    let days = DAYS[timeframe];
    let empty = 0;
    let tooMuch = Infinity;
    for (;;) {
      const fromMs = startOf(endMs - days * DAY_MS);
      const answer = await api.bars({ symbol, timeframe, from: fromMs, to: endMs - 1, limit: LIMIT });
      if (!answer.more && (answer.count > 0 || fromMs === 0)) return { ...answer, fromMs };
      if (answer.more) tooMuch = days;
      else empty = days;
      days = tooMuch === Infinity ? days * WIDER : (empty + tooMuch) / 2;
    }
  }

  function stretch(symbol, timeframe, { fromMs, toMs }) {
    return api.bars({ symbol, timeframe, from: fromMs, to: toMs - 1 });
  }

  return {
    /** The newest bars, with the minutes of today that they go on with (bars.js), and the symbol as the server spells
     *  it. Unless null, those from `sinceMs` on. */
    async newest(symbol, timeframe, sinceMs) {
      calendar ??= createCalendar(await api.calendar());
      const minutesFromMs = startOf(nowMs());
      const endMs = minutesFromMs + 2 * DAY_MS;
      const read = sinceMs === null
        ? await back(symbol, timeframe, endMs)
        : { ...(await stretch(symbol, timeframe, { fromMs: sinceMs, toMs: endMs })), fromMs: sinceMs };
      const minutes = timeframe === "1m"
        ? read.bars.filter(({ timestamp }) => timestamp >= minutesFromMs)
        : (await stretch(symbol, "1m", { fromMs: minutesFromMs, toMs: endMs })).bars;
      return { symbol: read.symbol, timeframe, calendar, bars: read.bars, fromMs: read.fromMs, minutes, minutesFromMs };
    },
    /** What there is of a symbol that has no bar yet. */
    async nothing(symbol, timeframe) {
      calendar ??= createCalendar(await api.calendar());
      return { symbol, timeframe, calendar, bars: [], fromMs: 0, minutes: [], minutesFromMs: startOf(nowMs()) };
    },
    /** The newest of the bars before `endMs`, and from when on they are. */
    before: back,
    /** The newest patterns, as events. */
    patterns: async (symbol, timeframe) => (await api.patterns(symbol, timeframe)).patterns,
    /** The bars of a stretch, `toMs` not included. */
    stretch,
    /** The dates of New York that hold some moments, as a stretch. */
    datesOf(momentsMs) {
      // A date has 25 hours at most.
      const next = startOf(startOf(Math.max(...momentsMs)) + 26 * 3_600_000);
      return { fromMs: startOf(Math.min(...momentsMs)), toMs: next };
    },
  };
}

/** New York's midnight before a moment, epoch ms; 0 for all that lies before 1980. */
function startOf(timeMs) {
  return timeMs < BEFORE_ALL_MS ? 0 : tradingDayStartMs(null, timeMs);
}
