// Patterns on the chart: the marks of a timeframe's events, and what the legend says of them. No DOM here.

import { chartTime } from "./time.js";

const SHAPES = {
  bullish: { shape: "arrowUp", position: "belowBar", colour: "up" },
  bearish: { shape: "arrowDown", position: "aboveBar", colour: "down" },
};
const NEUTRAL = { shape: "circle", position: "aboveBar", colour: "text" };

/** In bars of which timeframes patterns are looked for. */
export const PATTERN_TIMEFRAMES = new Set(["1m", "5m", "15m"]);
// As many as a chart keeps and marks; the newest.
const MAX_EVENTS = 2_000;

/** The events of one symbol in bars of one timeframe: {timestamp, pattern, direction, confidence, withdrawn}. */
export function createEvents() {
  let kept = new Map();
  const keyOf = ({ timestamp, pattern }) => `${timestamp} ${pattern}`;
  return {
    all: () => [...kept.values()],
    /** Take these for all there are. */
    replace(events) {
      kept = new Map(events.map((event) => [keyOf(event), event]));
    },
    /** Take those that were found or changed, and out those that are withdrawn. */
    merge(events) {
      for (const event of events) {
        kept.delete(keyOf(event));
        if (!event.withdrawn) kept.set(keyOf(event), event);
      }
      kept = new Map([...kept].slice(-MAX_EVENTS));
    },
  };
}

/** Events by the chart time of their bar. */
export function eventsByTime(events) {
  const byTime = new Map();
  for (const event of events) {
    const time = chartTime(event.timestamp);
    byTime.set(time, [...(byTime.get(time) ?? []), event]);
  }
  return byTime;
}

/** The marks of bars that are on the chart, ascending by time: one for each direction of a bar's events. */
export function toMarkers(byTime, isOnChart, palette) {
  const times = [...byTime.keys()].filter(isOnChart).sort((a, b) => a - b);
  return times.flatMap((time) => {
    const looks = new Set(byTime.get(time).map(({ direction }) => SHAPES[direction] ?? NEUTRAL));
    return [...looks].map(({ shape, position, colour }) => ({ time, shape, position, color: palette[colour], size: 0.6 }));
  });
}

/** What the legend says of a bar's events: "doji (70 %), bullish hammer (80 %)". */
export function eventsText(events) {
  return events.map(eventText).join(", ");
}

function eventText({ pattern, direction, confidence }) {
  const way = direction in SHAPES ? `${direction} ` : "";
  return `${way}${pattern.replaceAll("_", " ")} (${Math.round(confidence * 100)} %)`;
}
