// Trading days and the periods of their sessions, in chart time: seconds whose UTC reading is New York's wall clock,
// by which a session begins at the same time on every day. No DOM here.

export const DAY_S = 86_400;
const MINUTE_S = 60;
const hours = (number) => number * 3600;
// Pre-market, regular session, post-market and its end, from midnight.
const USUAL_BOUNDS = [hours(4), hours(9.5), hours(16), hours(20)];
const EARLY_BOUNDS = [hours(4), hours(9.5), hours(13), hours(17)];
const SESSIONS = ["night", "pre", "regular", "post", "night"];
const SATURDAY = 6;

/** The timeframes that a chart is offered in, with their names for people. */
export const TIMEFRAMES = new Map([
  ["1m", "one-minute"], ["5m", "five-minute"], ["15m", "fifteen-minute"], ["1h", "one-hour"], ["1d", "daily"],
]);
const WIDTHS_S = { "1m": MINUTE_S, "5m": 5 * MINUTE_S, "15m": 15 * MINUTE_S, "1h": hours(1), "1d": DAY_S };

/** The calendar that `/api/calendar` answers: which dates trade, and how long. */
export function createCalendar(answer) {
  const weekdays = new Set(answer.trading_weekdays);
  const holidays = new Set(answer.holidays);
  const early = new Set(answer.early_closes);
  return {
    /** The bounds of the sessions of the date that begins at `dayS`, in seconds from its midnight; null when it does
     *  not trade. Of dates that the calendar does not cover a weekday's usual ones. */
    boundsOf(dayS) {
      const date = new Date(dayS * 1000);
      const name = date.toISOString().slice(0, 10);
      if (!weekdays.has(date.getUTCDay() || SATURDAY + 1) || holidays.has(name)) return null;
      return early.has(name) ? EARLY_BOUNDS : USUAL_BOUNDS;
    },
    /** Whether the calendar tells of the date that begins at `dayS`. */
    covers(dayS) {
      const name = new Date(dayS * 1000).toISOString().slice(0, 10);
      return answer.covered_from <= name && name <= answer.covered_to;
    },
  };
}

/** Midnight before a chart time. */
export function dayOf(timeS) {
  return timeS - (timeS % DAY_S);
}

/** The period that holds a chart time: {start, end, session}, of which `end` is not included and `session` is "pre",
 *  "regular", "post" or "night"; periods are counted from the start of each session, and the last of one may be
 *  shorter. A day's session is "regular". */
export function periodAt(timeS, timeframe, calendar) {
  const dayS = dayOf(timeS);
  if (timeframe === "1d") return { start: dayS, end: dayS + DAY_S, session: "regular" };
  const inner = calendar.boundsOf(dayS);
  const bounds = inner === null ? [0, DAY_S] : [0, ...inner, DAY_S];
  const index = bounds.findIndex((bound) => timeS - dayS < bound) - 1;
  const first = dayS + bounds[index];
  const start = timeS - ((timeS - first) % WIDTHS_S[timeframe]);
  return { start, end: Math.min(start + WIDTHS_S[timeframe], dayS + bounds[index + 1]), session: SESSIONS[index] };
}

/** The stretch whose minutes make the bar that holds a chart time, as [start, end): a day is made of the minutes of
 *  its regular session. Null for a minute that belongs to no bar. */
export function minutesOf(timeS, timeframe, calendar) {
  if (timeframe !== "1d") {
    const { start, end } = periodAt(timeS, timeframe, calendar);
    return [start, end];
  }
  const dayS = dayOf(timeS);
  const bounds = calendar.boundsOf(dayS);
  if (bounds === null || timeS < dayS + bounds[1] || timeS >= dayS + bounds[2]) return null;
  return [dayS + bounds[1], dayS + bounds[2]];
}

/** The starts of the periods between two bars' that hold none: those of the same date, of days the trading days.
 *  Nights, weekends and holidays have no periods to miss. */
export function missingBetween(beforeS, afterS, timeframe, calendar) {
  return timeframe === "1d" ? daysBetween(beforeS, afterS, calendar) : periodsBetween(beforeS, afterS, timeframe, calendar);
}

function periodsBetween(beforeS, afterS, timeframe, calendar) {
  const missing = [];
  if (dayOf(beforeS) !== dayOf(afterS)) return missing;
  let startS = periodAt(beforeS, timeframe, calendar).end;
  while (startS < afterS) {
    missing.push(startS);
    startS = periodAt(startS, timeframe, calendar).end;
  }
  return missing;
}

function daysBetween(beforeS, afterS, calendar) {
  const missing = [];
  for (let dayS = beforeS + DAY_S; dayS < afterS; dayS += DAY_S) {
    if (calendar.covers(dayS) && calendar.boundsOf(dayS) !== null) missing.push(dayS);
  }
  return missing;
}
