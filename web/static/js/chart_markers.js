// Patterns on the chart: the marks of a timeframe's events, and what the legend says of them. No DOM here.

import { chartTime } from "./time.js";

const SHAPES = {
  bullish: { shape: "arrowUp", position: "belowBar", colour: "up" },
  bearish: { shape: "arrowDown", position: "aboveBar", colour: "down" },
};
const NEUTRAL = { shape: "circle", position: "aboveBar", colour: "text" };

/** The events of a timeframe by the chart time of their bar. */
export function eventsByTime(events, timeframe) {
  const byTime = new Map();
  for (const event of events.filter((one) => one.timeframe === timeframe)) {
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

/** What the legend says of a bar's events: "Doji, bullish Hammer (80 %)". */
export function eventsText(events) {
  return events.map(eventText).join(", ");
}

function eventText({ pattern, direction, confidence }) {
  const name = pattern.replaceAll("_", " ");
  const way = direction in SHAPES ? `${direction} ` : "";
  return confidence === null || confidence === undefined ? way + name : `${way}${name} (${Math.round(confidence * 100)} %)`;
}
