// What the legend says of the bar under the pointer. No DOM here.

import { eventsText } from "./chart_markers.js";
import { NOT_KNOWN, formatExact, formatPrice, formatVwap, tierText } from "./format.js";
import { INDICATORS } from "./indicators.js";

// Chart times read as UTC are New York's wall clock.
const minute = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });
const SESSIONS = { pre: ", pre-market", post: ", post-market", night: ", outside of trading hours", regular: "" };
const MINUTE_S = 60;

/** When a period is: "Fri 20 Nov 10:31 New York", "Fri 20 Nov 10:30 to 10:35 New York", "Fri 20 Nov 2026". */
export function formatPeriod({ start, end, session }, timeframe) {
  const date = day.format(start * 1000).replace(",", "");
  if (timeframe === "1d") return `${date} ${new Date(start * 1000).getUTCFullYear()}`;
  const to = end - start > MINUTE_S ? ` to ${minute.format(end * 1000)}` : "";
  return `${date} ${minute.format(start * 1000)}${to} New York${SESSIONS[session]}`;
}

/** The parts of a legend as [label, text] pairs. `lines` are [name, value] of the indicators that are drawn. */
export function legendParts({ bar, period, timeframe, lines, events }) {
  const when = ["", formatPeriod(period, timeframe)];
  if (bar === null) return [when, ["", "no bar: nothing traded, or nothing is stored"]];
  return [
    when,
    ["O", formatPrice(bar.open)], ["H", formatPrice(bar.high)],
    ["L", formatPrice(bar.low)], ["C", formatPrice(bar.close)],
    ["V", formatExact(bar.volume)], ["VWAP", formatVwap(bar.vwap)],
    // A day's own VWAP is that of its session.
    ...lines.filter(([name]) => name !== "vwap" || timeframe !== "1d").map(lineParts),
    ...(events.length > 0 ? [["Patterns", eventsText(events)]] : []),
    ["", tierText(bar.tier)],
  ];
}

function lineParts([name, value]) {
  const label = name === "vwap" ? "Session VWAP" : INDICATORS.get(name).label;
  // An average has more decimals than the prices that it is made of.
  return [label, value === null ? NOT_KNOWN : formatPrice(Number(value.toFixed(Math.abs(value) < 1 ? 4 : 2)))];
}
