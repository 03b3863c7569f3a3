// Whether every bar arrives, in a headline, and if not, why and what to do, in notes. No DOM here.

import { formatClock } from "../time.js";
import { gapNotes, isStorageAway, storageNotes } from "./repair_notes.js";
import { awaySinceMs, carriersOf, labelIn, pausedBy } from "./state.js";
import { count, labelOf, listed, momentText, sentence, tickersText } from "./words.js";

// The ingesting half writes its status each second.
const INGEST_SILENT_MS = 10_000;
// Tickers of a connection that is away move within this time.
const MOVING_MS = 15_000;
const SLOW_COMMIT_MS = 10_000;
const LEVELS = ["bad", "warn", "idle"];
const AWAY = new Set(["down", "paused"]);

/** The judgement of a state: {level, headline, notes}. `level` is "ok", "warn", "bad" or "idle", each note {level,
 *  text, advice}, both sentences; `nowMs` is the server's clock. The headline holds no age, so that it is told to
 *  screen readers only when something happens. */
export function judge(state, nowMs) {
  const { status } = state;
  if (status === null) return verdict("idle", "Waiting for the first answer of the server");
  const silence = ingestSilence(status, nowMs);
  if (silence !== null) return silence;
  const enabled = status.connections.filter((connection) => connection.enabled);
  const notes = [
    ...enabled.flatMap((connection) => notesOn(connection, state, nowMs)), ...pipelineNotes(status, nowMs),
    ...storageNotes(status, nowMs), ...gapNotes(state, nowMs),
  ];
  notes.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
  const { level, headline } = headlineOf(enabled, status, nowMs);
  return { level, headline, notes };
}

function verdict(level, headline, notes = []) {
  return { level, headline, notes };
}

function ingestSilence({ ingest_age_ms: ageMs, connections }, nowMs) {
  const advice = "See that the process that ingests runs, and what its log says.";
  if (ageMs === null || connections.length === 0) {
    const text = "Nothing has been reported of the feed's connections yet.";
    return verdict("bad", "No bars arrive: ingestion has not started", [{ level: "bad", text, advice }]);
  }
  if (ageMs <= INGEST_SILENT_MS) return null;
  const text = `The last report came at ${momentText(nowMs - ageMs, nowMs)}; what is shown below is of then.`;
  return verdict("bad", "No bars arrive: ingestion does not report", [{ level: "bad", text, advice }]);
}

/** Whether the connection cannot carry: it is down or paused, or rests as the plan does not grant it. */
function isAway({ condition, granted }) {
  return AWAY.has(condition) || !granted;
}

/** Whether tickers wait on the connection: those of one that went silent may be with others already. */
function isLate({ condition, ticker_count: tickers }) {
  return condition === "late" && tickers > 0;
}

function headlineOf(enabled, status, nowMs) {
  const stuck = enabled.filter((connection) => isAway(connection) && connection.ticker_count > 0);
  const late = enabled.filter(isLate);
  if (enabled.length === 0) return { level: "bad", headline: "No bars arrive: no connection is enabled" };
  if (stuck.length > 0) return { level: "bad", headline: `No bars arrive${share(stuck, enabled)}` };
  if (isStorageAway(status, nowMs) || isNotStored(status.pipeline)) return { level: "bad", headline: "Bars arrive, but are not stored" };
  if (late.length > 0) return { level: "warn", headline: `Bars are late${share(late, enabled)}` };
  if (enabled.every((connection) => connection.condition === "market_closed" || isAway(connection))) {
    return { level: "idle", headline: "The market is closed: no bars are expected" };
  }
  return covered(enabled);
}

function covered(enabled) {
  const carrying = enabled.filter((connection) => !isAway(connection));
  const missing = carrying.some(({ missing_topics: topics }) => topics.length > 0);
  if (missing) return { level: "warn", headline: "Some bars may not arrive: the feed did not confirm all topics" };
  if (carrying.length === enabled.length) return { level: "ok", headline: "Every bar arrives" };
  return { level: "ok", headline: `Every bar arrives, over ${carrying.length} of ${enabled.length} connections` };
}

/** Of how many tickers: "" for all of them. */
function share(some, all) {
  if (some.length === all.length) return "";
  if (all.some(({ movable }) => !movable)) return ` over ${listed(some.map(labelOf))}`;
  const number = (connections) => connections.reduce((sum, { ticker_count: tickers }) => sum + tickers, 0);
  return number(some) === number(all) ? "" : ` for ${number(some)} of ${count(number(all), "ticker")}`;
}

function isNotStored({ event_to_commit_ms: latency, waiting_bars: waiting }) {
  return waiting > 0 && latency.count === 0;
}

function pipelineNotes(status, nowMs) {
  const { waiting_bars: waiting, event_to_commit_ms: latency } = status.pipeline;
  if (isStorageAway(status, nowMs)) return []; // whose note says more
  if (isNotStored(status.pipeline)) {
    const text = `None was committed in the last minute; ${count(waiting, "bar")} wait in memory.`;
    return [{ level: "bad", text, advice: "See that the database answers and its disk has room; the log says more." }];
  }
  if (latency.p99 === null || latency.p99 < SLOW_COMMIT_MS) return [];
  const text = `One bar in a hundred is committed more than ${Math.floor(latency.p99 / 1000)} s after its event.`;
  return [{ level: "warn", text, advice: "See whether the database or its disk is busy, or the feed is behind." }];
}

function notesOn(connection, state, nowMs) {
  const away = isAway(connection) ? [awayNote(connection, state, nowMs)] : [];
  const late = isLate(connection) ? [lateNote(connection)] : [];
  return [...away, ...late, ...missingTopicsNotes(connection)];
}

function awayNote(connection, state, nowMs) {
  const { connection_id: id } = connection;
  const sinceMs = awaySinceMs(state, id);
  const since = sinceMs === null ? "" : ` since ${momentText(sinceMs, nowMs)}`;
  const isNew = sinceMs !== null && nowMs - sinceMs < MOVING_MS;
  const level = connection.ticker_count > 0 ? "bad" : "warn";
  const text = `${labelOf(connection)} ${whatIsIt(connection, state, since)}; ${whereTickersAre(connection, state, isNew)}.`;
  return { level, text, advice: awayAdvice(connection) };
}

function whatIsIt({ connection_id: id, granted, condition }, state, since) {
  if (!granted) return "rests, as the plan grants fewer connections than are configured";
  if (condition === "down") return `is down${since}`;
  const actor = pausedBy(state, id);
  return `is paused${actor === null ? "" : ` by ${actor}`}${since}`;
}

function whereTickersAre(connection, state, isNew) {
  const { connection_id: id, own_ticker_count: own, ticker_count: stuck, movable } = connection;
  const carriers = carriersOf(state, id);
  const carried = carriers.reduce((sum, [, number]) => sum + number, 0);
  const names = listed(carriers.map(([carrier]) => labelIn(state, carrier)));
  if (!movable) return "it listens to the whole market, which cannot be moved, so nothing of it arrives";
  if (own === 0 && stuck === 0) return "it had no tickers of its own";
  if (stuck === 0) return `its ${count(own, "ticker")} ${isAre(own)} carried by ${names || "others"}`;
  const canMove = state.status.connections.length > 1;
  if (isNew && canMove) return `its ${count(stuck, "ticker")} ${isAre(stuck)} about to move`;
  if (carried === 0) return `its ${count(stuck, "ticker")} ${isAre(stuck)} carried by nobody`;
  return `${carried} of its ${count(own, "ticker")} ${isAre(carried)} carried by ${names}, ${stuck} by nobody`;
}

function isAre(number) {
  return number === 1 ? "is" : "are";
}

function awayAdvice({ granted, condition, reason }) {
  if (!granted) return `${sentence(reason)} Ask for a plan that grants more, or configure fewer connections.`;
  if (condition === "paused") return "Resume brings it back; a restart of ingestion does so too.";
  return `${sentence(reason)} Reconnect tries at once.`;
}

function lateNote(connection) {
  return {
    level: "warn", text: `${labelOf(connection)} is late: ${sentence(connection.reason)}`,
    advice: "Reconnect it; when that changes nothing, the feed itself is quiet or late.",
  };
}

function missingTopicsNotes(connection) {
  const { missing_topics: topics } = connection;
  if (topics.length === 0 || isAway(connection)) return [];
  const some = topics.slice(0, 3).join(", ") + (topics.length > 3 ? " and others" : "");
  return [{
    level: "warn", text: `${labelOf(connection)} asked for ${tickersText(connection)}, but the feed did not confirm ${some}.`,
    advice: "See that the plan covers these channels and that the tickers are spelled as the feed does.",
  }];
}

/** What keeps the page itself from being current: null, or {level, headline, detail, isEnded, isStale}.
 *
 *  `error` is the last failure of a request or null, `isUnreachable` tells that requests fail again and again,
 *  `isPolling` that live messages have not come for a while, `refusal` why, `dataMs` when what is shown came (null:
 *  nothing did), `staleMs` its age. Only `detail` holds an age. */
export function judgeLink({ error, isUnreachable, isPolling, refusal, dataMs, staleMs, isStale }) {
  const shown = dataMs === null ? "" : shownSince(dataMs, staleMs);
  if (error?.status === 401) return banner("bad", "Your session has ended.", shown, { isEnded: true });
  if (error?.status === 403) {
    return banner("bad", "Your account is not an administrator's any more.", shown, { isEnded: true });
  }
  if (isUnreachable && error !== null && error.status !== 0) {
    const headline = "The server answers with an error; this page keeps trying.";
    // Messages may tell of now all the same: of a database that is away, for one.
    if (!isStale) return banner("warn", headline, error.message, { isStale });
    return banner("bad", headline, error.message + shown);
  }
  if (isUnreachable) {
    return banner("bad", "The server does not answer; this page keeps trying and recovers by itself.", shown);
  }
  if (isStale) return banner("warn", "Nothing new comes from the server.", shown);
  if (!isPolling) return null;
  const why = refusal === null ? "" : ` ${sentence(refusal)}`;
  return banner("warn", "Live messages do not come: the page asks every 2 s instead.", why, { isStale: false });
}

function shownSince(dataMs, staleMs) {
  return ` What is shown below is of ${formatClock(dataMs)} New York, ${Math.floor(staleMs / 1000)} s ago.`;
}

function banner(level, headline, detail, { isEnded = false, isStale = true } = {}) {
  return { level, headline, detail: detail.trim(), isEnded, isStale };
}
