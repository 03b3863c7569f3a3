// The bars of the chosen symbol in the chosen timeframe, and the points of the time axis. No DOM here.

import { together } from "./aggregate.js";
import { dayOf, minutesOf, missingBetween, periodAt } from "./sessions.js";
import { chartTime } from "./time.js";

const FIELDS = ["open", "high", "low", "close", "volume", "vwap", "tier"];
const MINUTE_S = 60;
/** As many bars as a chart keeps: some weeks of minutes with pre-market and after hours. */
export const MAX_BARS = 30_000;
// Minutes of two trading days and more: what is kept to put bars together.
const MAX_MINUTES = 2_500;

/** The bars of one symbol by chart time. In the hour that autumn repeats the second pass takes the place of the first,
 *  since the chart's library wants each time once; no market is open then. */
export function createBars() {
  let timeframe = "1m";
  let calendar = null;
  let byTime = new Map();
  let points = [];
  let places = new Map();
  // All minutes from `minutesFromMs` on, of which the newest bars are made; older bars only the server makes.
  let minutes = new Map();
  let minutesFromMs = Infinity;
  let fromMs = Infinity;

  function layOut() {
    points = [];
    places = new Map();
    for (const time of [...byTime.keys()].sort((a, b) => a - b)) append(time);
  }

  /** Add a bar behind the last one, with room for those that are missing in between. */
  function append(time) {
    const last = points.at(-1);
    if (last !== undefined) missingBetween(last.time, time, timeframe, calendar).forEach(addPoint);
    addPoint(time);
  }

  function addPoint(time) {
    places.set(time, points.length);
    points.push(pointAt(time));
  }

  function pointAt(time) {
    const { session } = periodAt(time, timeframe, calendar);
    return { time, bar: byTime.get(time) ?? null, session, day: dayOf(time), isDay: timeframe === "1d" };
  }

  function keep(bars) {
    for (const bar of bars) byTime.set(chartTime(bar.timestamp), bar);
    if (byTime.size > MAX_BARS) {
      const times = [...byTime.keys()].sort((a, b) => a - b);
      times.slice(0, -MAX_BARS).forEach((time) => byTime.delete(time));
    }
  }

  function keepMinutes(ticks) {
    for (const tick of ticks) minutes.set(chartTime(tick.timestamp), tick);
    if (minutes.size > MAX_MINUTES) forgetMinutes();
  }

  /** Keep the newest date's minutes alone. */
  function forgetMinutes() {
    const newest = Math.max(...minutes.keys());
    const kept = [...minutes].filter(([time]) => time >= dayOf(newest));
    minutesFromMs = Math.min(...kept.map(([, { timestamp }]) => timestamp));
    minutes = new Map(kept);
  }

  /** The minutes of a stretch of chart time. */
  function minutesIn([start, end]) {
    const found = [];
    for (let time = start; time < end; time += MINUTE_S) if (minutes.has(time)) found.push(minutes.get(time));
    return found;
  }

  /** Make the bar again that a minute belongs to: its time, or null when nothing changed. */
  function remake(minuteS) {
    const stretch = minutesOf(minuteS, timeframe, calendar);
    if (stretch === null) return null;
    const { start } = periodAt(minuteS, timeframe, calendar);
    const kept = byTime.get(start);
    // A day that the vendor told is right; the one that its minutes come to stands in for it until then.
    if (timeframe === "1d" && kept !== undefined && kept.tier !== "live") return null;
    const parts = minutesIn(stretch);
    const made = parts.length > 0 ? barOf(parts, start) : undefined;
    if (!differ(kept, made)) return null;
    if (made === undefined) byTime.delete(start);
    else byTime.set(start, made);
    return start;
  }

  function barOf(parts, start) {
    const [{ timestamp }] = parts;
    const bar = together(parts, timestamp - (chartTime(timestamp) - start) * 1000);
    return timeframe === "1d" ? { ...bar, tier: "live" } : bar;
  }

  /** Bring the points in line with bars that came, changed or went: the index of the first that differs. */
  function follow(times) {
    let first = points.length;
    for (const time of [...new Set(times)].sort((a, b) => a - b)) {
      const place = places.get(time);
      const isLast = time > (points.at(-1)?.time ?? -Infinity);
      if (!byTime.has(time) || (place === undefined && !isLast)) {
        layOut();
        return 0;
      }
      if (place === undefined) append(time);
      else points[place] = pointAt(time);
      first = Math.min(first, place ?? first);
    }
    return first;
  }

  return {
    get size() {
      return byTime.size;
    },
    get timeframe() {
      return timeframe;
    },
    /** The points of the time axis, ascending: {time, bar, session, day, isDay}. Missing ones have null as `bar`. */
    get points() {
      return points;
    },
    /** From when on bars are here, epoch ms; Infinity before they were read. */
    get fromMs() {
      return fromMs;
    },
    /** The period of a point: {start, end, session}. */
    periodOf: ({ time }) => periodAt(time, timeframe, calendar),
    pointAt: (time) => points[places.get(time)],
    placeOf: (time) => places.get(time),
    clear() {
      byTime = new Map();
      minutes = new Map();
      fromMs = minutesFromMs = Infinity;
      layOut();
    },
    /** Take what was read for all there is: bars of the timeframe from `fromMs` on, and all minutes from
     *  `minutesFromMs` on. */
    replace(read) {
      ({ timeframe, calendar, fromMs, minutesFromMs } = read);
      byTime = new Map();
      minutes = new Map();
      keep(read.bars);
      keepMinutes(read.minutes);
      for (const time of minutes.keys()) remake(time);
      layOut();
    },
    /** Take these bars in the place of those of a stretch (epoch ms, `toMs` not included), which may lie before all. */
    exchange(stretch, bars) {
      for (const [time, { timestamp }] of byTime) {
        if (timestamp >= stretch.fromMs && timestamp < stretch.toMs) byTime.delete(time);
      }
      fromMs = Math.min(fromMs, stretch.fromMs);
      keep(bars);
      layOut();
    },
    /** Merge minutes, and take out those that are withdrawn. `first` is the index of the first point that changed, or
     *  null; `old` lists the minutes whose bars only the server can make again, epoch ms. */
    merge(ticks) {
      const fresh = ticks.filter(({ timestamp }) => timestamp >= minutesFromMs);
      const old = ticks.filter(({ timestamp }) => timestamp >= fromMs && timestamp < minutesFromMs);
      const changed = fresh.filter((tick) => changes(minutes.get(chartTime(tick.timestamp)), tick));
      keepMinutes(changed);
      for (const tick of changed) if (tick.withdrawn) minutes.delete(chartTime(tick.timestamp));
      const times = changed.map(({ timestamp }) => remake(chartTime(timestamp))).filter((time) => time !== null);
      const first = times.length > 0 ? follow(times) : null;
      return { first, old: old.map(({ timestamp }) => timestamp) };
    },
  };
}

function changes(kept, tick) {
  return tick.withdrawn ? kept !== undefined : differ(kept, tick);
}

function differ(kept, made) {
  if (kept === undefined || made === undefined) return kept !== made;
  return FIELDS.some((field) => kept[field] !== made[field]);
}
