// New York time at the edge: everything else on the page is epoch milliseconds, UTC.

const ZONE = "America/New_York";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PRE_MARKET_MS = 4 * HOUR_MS;
export const MINUTE_MS = 60_000;

const wallClock = new Intl.DateTimeFormat("en-US", {
  timeZone: ZONE, hourCycle: "h23",
  year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});
const timeOfDay = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE, hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const minuteOfDay = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE, weekday: "short", day: "numeric", month: "short",
});

const offsetByHour = new Map();

/** Milliseconds New York is ahead of UTC at a moment (negative: behind). It changes only at full hours UTC. */
export function newYorkOffsetMs(timeMs) {
  const hour = Math.floor(timeMs / HOUR_MS);
  if (!offsetByHour.has(hour)) offsetByHour.set(hour, measureOffsetMs(hour * HOUR_MS));
  return offsetByHour.get(hour);
}

function measureOffsetMs(hourMs) {
  const part = Object.fromEntries(wallClock.formatToParts(hourMs).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - hourMs;
}

/** The chart library knows no time zones: a moment as the seconds whose UTC reading is New York's wall clock. */
export function chartTime(timeMs) {
  return Math.floor((timeMs + newYorkOffsetMs(timeMs)) / 1000);
}

/** Where a trading day ("2026-11-20") begins: 04:00 New York; without a date, as outside the calendar, New York's
 *  midnight before `nowMs`. */
export function tradingDayStartMs(date, nowMs) {
  const wallMs = date === null ? nowMs + newYorkOffsetMs(nowMs) : Date.parse(date);
  const startMs = Math.floor(wallMs / DAY_MS) * DAY_MS + (date === null ? 0 : PRE_MARKET_MS);
  // A change of the clocks is on a Sunday, so the offset a few hours later is the one of the start.
  return startMs - newYorkOffsetMs(startMs - newYorkOffsetMs(startMs));
}

/** "10:31:42" in New York. */
export function formatClock(timeMs) {
  return timeOfDay.format(timeMs);
}

/** "10:31" in New York. */
export function formatMinute(timeMs) {
  return minuteOfDay.format(timeMs);
}

/** "Fri 20 Nov" in New York. */
export function formatDay(timeMs) {
  return dayOfYear.format(timeMs).replace(",", "");
}

/** A clock that follows the server's, so that ages are right on a machine whose own clock is wrong. */
export function createServerClock(localNowMs = Date.now) {
  let aheadMs = 0;
  return {
    nowMs: () => localNowMs() + aheadMs,
    /** A moment of this machine's clock as the server's clock has it. */
    fromLocalMs: (localMs) => localMs + aheadMs,
    /** Take note of an answer's `server_time`, with the local times of its request and its arrival. */
    observe(serverTimeMs, sentMs, receivedMs) {
      aheadMs = Math.round(serverTimeMs - (sentMs + receivedMs) / 2);
    },
  };
}
