// What the administrator's page calls things. No DOM here.

import { NOT_KNOWN, formatExact } from "../format.js";
import { formatClock, formatDay } from "../time.js";

const CONDITIONS = {
  live: "Live", late: "Late", market_closed: "Market closed", paused: "Paused", disabled: "Disabled", down: "Down",
};
const EVENTS = {
  connected: "Connected", disconnected: "Disconnected", refused: "Refused", lost_frame: "Frame lost",
  paused: "Paused", resumed: "Resumed", reconnect_asked: "Reconnect asked for", tickers_moved: "Tickers moved",
  tickers_returned: "Tickers returned", fewer_granted: "Fewer connections granted",
};
// How the state is called that ended with an event.
const ENDED_STATES = {
  connected: "away for", disconnected: "connected for", refused: "connected for", resumed: "paused for",
};
// RFC 6455, section 7.4.1, and the registry of close codes that it begins.
const CLOSE_CODES = {
  1000: "normal end", 1001: "the server goes away", 1002: "protocol error", 1003: "unsupported data",
  1005: "no code given", 1006: "broke off without a close frame", 1007: "invalid text",
  1008: "against the server's policy", 1009: "message too big",
  1011: "error of the server", 1012: "the server restarts", 1013: "try again later",
  1014: "bad gateway", 1015: "TLS failed",
};
const SECOND_MS = 1_000;
const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** A condition as people read it; one that this page does not know is shown as it is. */
export function conditionWord(condition) {
  return CONDITIONS[condition] ?? condition;
}

/** How a connection is called in sentences: its name, with its id where that is another. */
export function labelOf({ connection_id: id, name }) {
  return name === id ? id : `${name} (${id})`;
}

/** What happened, as people read it. */
export function eventWord(event) {
  return EVENTS[event] ?? event.replaceAll("_", " ");
}

/** A close code of a WebSocket with its meaning: "1008 against the server's policy"; a dash for none. */
export function closeCodeText(code) {
  if (code === null || code === undefined) return NOT_KNOWN;
  return CLOSE_CODES[code] ? `${code} ${CLOSE_CODES[code]}` : String(code);
}

/** A span of time in its two largest units: "850 ms", "41 s", "3 min 20 s", "2 h", "3 d 4 h". */
export function formatSpan(spanMs) {
  if (spanMs < SECOND_MS) return `${Math.max(0, Math.round(spanMs))} ms`;
  const seconds = Math.floor(spanMs / SECOND_MS);
  const first = UNITS.findIndex(([size]) => seconds >= size);
  const [size, unit] = UNITS[first];
  const text = `${Math.floor(seconds / size)} ${unit}`;
  const [nextSize, nextUnit] = UNITS[first + 1] ?? [1, unit];
  const rest = Math.floor((seconds % size) / nextSize);
  return rest > 0 && nextUnit !== unit ? `${text} ${rest} ${nextUnit}` : text;
}

/** How long what an event ended had lasted: "away for 12 s"; a dash when that is not known. */
export function durationText({ event, duration_ms: durationMs }) {
  if (durationMs === null || durationMs === undefined) return NOT_KNOWN;
  return `${ENDED_STATES[event] ?? "after"} ${formatSpan(durationMs)}`;
}

/** A latency: "3.2 ms", "41 ms", "2.3 s"; a dash for null. */
export function formatLatency(ms) {
  if (ms === null) return NOT_KNOWN;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < SECOND_MS ? `${Math.round(ms)} ms` : `${(ms / SECOND_MS).toFixed(1)} s`;
}

/** A rate: "25.3", "1,204"; small ones with a decimal. */
export function formatRate(perSecond) {
  return perSecond < 100 ? perSecond.toFixed(1) : formatExact(Math.round(perSecond));
}

/** "1 ticker", "1,200 tickers". */
export function count(number, noun) {
  return `${formatExact(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** "a", "a and b", "a, b and c". */
export function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A moment in New York: "10:31:05", and with its day when that is not the one of `nowMs`. */
export function momentText(timeMs, nowMs) {
  const day = formatDay(timeMs);
  return day === formatDay(nowMs) ? formatClock(timeMs) : `${day} ${formatClock(timeMs)}`;
}

/** A reason as a sentence: with its full stop. */
export function sentence(reason) {
  return /[.!?]$/.test(reason) ? reason : `${reason}.`;
}

/** Counts by kind, the largest first: "2 × drop, 1 × refused key". */
export function kindsText(byKind) {
  const kinds = Object.entries(byKind).filter(([, number]) => number > 0);
  kinds.sort(([, a], [, b]) => b - a);
  return kinds.map(([kind, number]) => `${formatExact(number)} × ${kind.replaceAll("_", " ")}`).join(", ");
}

/** The tickers that a connection carries: "150 tickers", "the whole market". */
export function tickersText({ movable, ticker_count: tickerCount }) {
  return movable ? count(tickerCount, "ticker") : "the whole market";
}
