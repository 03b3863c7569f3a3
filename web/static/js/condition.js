// Whether what the page shows can be trusted, in a word and in sentences. No DOM here.

import { MINUTE_MS, formatClock } from "./time.js";
import { formatAge } from "./format.js";

const WORDS = {
  live: "Live", late: "Late", market_closed: "Market closed", down: "Down", disabled: "Disabled",
};
const BANNERS = {
  late: ["warn", "Data is late"],
  down: ["bad", "The feed is down"],
  disabled: ["warn", "The feed is switched off"],
};
const INGEST_SILENT_MS = 15_000;
const NO_BAR_MS = 3 * MINUTE_MS;

/** Judge the page: the server's own word counts, unless it gives none or its data contradicts it.
 *
 *  `trouble` is what findTrouble says, `status` the last /api/status answer or null, `newestBarMs` the start of
 *  the newest bar or null; all times are the server's. The answer is {condition, word, reason, level, banner}:
 *  `banner` is null while what is shown can be trusted, else {headline, detail, login}, with `login` true where that is
 *  what helps; `level` is "ok", "warn" or "bad". */
export function assess({ trouble, status, newestBarMs, nowMs }) {
  if (trouble) return troubled(trouble);
  if (!status) {
    const reason = "Waiting for the first answer of the server.";
    return { condition: "connecting", word: "Connecting", reason, level: "ok", banner: null };
  }
  const contradiction = contradict(status, newestBarMs, nowMs);
  const condition = contradiction ? "late" : status.condition;
  const reason = contradiction ?? status.reason;
  const [level, headline] = BANNERS[condition] ?? ["ok", null];
  const banner = headline && { headline: `${headline}: what is shown below is not current.`, detail: reason };
  return { condition, word: WORDS[condition] ?? condition, reason, level, banner };
}

function troubled({ sinceMs, error }) {
  if (error?.status === 401) return loggedOut(error.message);
  const answered = error !== null && error.status !== 0;
  const word = answered ? "Error" : "No answer";
  const opening = answered ? "The server answers with an error" : "The server does not answer";
  const reason = answered ? error.message : "TickStock may be stopped, or the network interrupted.";
  const headline = `${opening}: what is shown below is old. This page keeps trying and recovers by itself.`;
  const since = sinceMs === null ? "" : ` The last good answer came at ${formatClock(sinceMs)} New York.`;
  return { condition: "unreachable", word, reason, level: "bad", banner: { headline, detail: reason + since } };
}

function loggedOut(reason) {
  const headline = "Your session has ended: what is shown below is old. Log in again to go on.";
  const banner = { headline, detail: "", login: true };
  return { condition: "unreachable", word: "Logged out", reason, level: "warn", banner };
}

function contradict({ condition, session, ingest_age_ms: ingestAgeMs }, newestBarMs, nowMs) {
  if (condition !== "live") return null;
  if (ingestAgeMs !== null && ingestAgeMs > INGEST_SILENT_MS) {
    return "The ingesting half of TickStock has stopped reporting; see that it is running.";
  }
  const silentMs = newestBarMs === null ? 0 : nowMs - newestBarMs - MINUTE_MS;
  if (session.phase === "regular" && silentMs > NO_BAR_MS) {
    const age = formatAge(silentMs);
    return `No symbol of the watch list has had a new bar for ${age}, although the feed reports to be live.`;
  }
  return null;
}
