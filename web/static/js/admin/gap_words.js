// What the administrator's page calls gaps, their repair, and where bars wait. No DOM here.

import { NOT_KNOWN, formatExact } from "../format.js";
import { MINUTE_MS, formatDay, formatMinute } from "../time.js";
import { count, formatSpan, listed, momentText, sentence } from "./words.js";

const REASONS = {
  drop: "Connection lost", restart: "Nothing listened", move: "Tickers moved", unreadable_frame: "Frame lost",
  failed_write: "Not stored", no_official_bar: "No official bar", suspect: "Volume missing",
  late_second: "Seconds came late", history: "History", asked: "Asked for",
};
const STATES = { open: "Open", waiting: "Filled, to be checked", repaired: "Repaired", unrepairable: "Not repairable" };
const REPAIR_LEVELS = { refused: "bad", paused: "warn" };
const NAMED = 3;
// Events that open a gap, and how far apart both are noted at most.
const OPENING = new Set(["disconnected", "refused", "lost_frame", "tickers_moved"]);
const SAME_MOMENT_MS = 5_000;
// Reasons for which something is missing; the others are to be looked at, or were never there.
const LOSSES = new Set(["drop", "restart", "move", "unreadable_frame", "failed_write", "asked"]);
const BYTES = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

/** Why there is a gap, in a few words; a reason that this page does not know is shown as it is. */
export function reasonWord(reason) {
  return REASONS[reason] ?? reason.replaceAll("_", " ");
}

/** How far a gap's repair is. */
export function stateWord({ state, to }) {
  return to === null ? "Still growing" : STATES[state] ?? state;
}

/** Its minutes in New York: "10:31", "10:31 to 10:35", "Thu 19 Nov 15:58 to Fri 20 Nov 09:31", "from 10:31 on". */
export function minutesText({ from, to }, nowMs) {
  const day = formatDay(from) === formatDay(nowMs) ? "" : `${formatDay(from)} `;
  if (to === null) return `from ${day}${formatMinute(from)} on`;
  if (to === from) return day + formatMinute(from);
  const lastDay = formatDay(to) === formatDay(from) ? "" : `${formatDay(to)} `;
  return `${day}${formatMinute(from)} to ${lastDay}${formatMinute(to)}`;
}

/** Whom it hit: a connection's name and tickers; `names` has connections' names by id. */
export function whomText({ scope, symbols, symbols_total: total }, names) {
  const place = names[scope] ?? null;
  const tickers = symbols === null ? "all tickers" : tickersOf(symbols, total);
  return place === null ? tickers : `${place}: ${tickers}`;
}

function tickersOf(symbols, total) {
  if (symbols.length <= NAMED) return listed(symbols);
  const others = (total ?? 0) - NAMED;
  return `${symbols.slice(0, NAMED).join(", ")} and ${others > 0 ? `${formatExact(others)} others` : "others"}`;
}

/** How much of it was asked for: "40 of 120 tickers"; a dash before that began. */
export function progressText({ symbols_done: done, symbols_total: total }) {
  return total === null ? NOT_KNOWN : `${formatExact(done)} of ${count(total, "ticker")}`;
}

/** When it is asked about next, or when it was closed. */
export function whenText({ to, due_at: dueMs, closed_at: closedMs }, nowMs) {
  if (closedMs !== null) return `closed ${momentText(closedMs, nowMs)}`;
  if (to === null) return "when it has ended";
  if (dueMs === null || dueMs <= nowMs) return "next in the queue";
  return `at ${momentText(dueMs, nowMs)}`;
}

/** Whether "repair now" would do something about it. */
export function canRepair({ state, to }) {
  return to !== null && state !== "repaired";
}

/** What was repaired after an event of a connection, or "" for one that opened no gap that is known. */
export function repairedText(event, gaps) {
  const parts = gapsOf(event, gaps);
  if (parts.length === 0) return "";
  if (parts.some(({ to }) => to === null)) return "the gap still grows";
  const minutes = count(Math.max(...parts.map(({ from, to }) => (to - from) / MINUTE_MS + 1)), "minute");
  const isAny = (wanted) => parts.some(({ state }) => state === wanted);
  if (isAny("open")) return `${minutes}, being repaired`;
  const number = parts.reduce((sum, { repaired_bars: bars }) => sum + bars, 0);
  const bars = number === 0 ? "nothing was missing" : `${count(number, "bar")} repaired`;
  if (isAny("unrepairable")) return `${minutes}, ${number === 0 ? "" : `${bars}, `}not all repairable`;
  return `${minutes}, ${bars}${isAny("waiting") ? " so far" : ""}`;
}

/** The gaps that one moment opened: several where tickers came back one after the other. */
function gapsOf({ connection_id: id, event, time }, gaps) {
  if (!OPENING.has(event)) return [];
  const away = (gap) => Math.abs(gap.opened_at - time);
  const near = gaps.filter((gap) => gap.scope === id && away(gap) <= SAME_MOMENT_MS);
  near.sort((a, b) => away(a) - away(b));
  return near.filter(({ opened_at: openedMs }) => openedMs === near[0].opened_at);
}

/** How many of the gaps that are listed miss something and are not closed. */
export function openLosses(gaps) {
  return gaps.filter(({ reason, closed_at: closedMs }) => LOSSES.has(reason) && closedMs === null).length;
}

/** The repair in a sentence, with when its queue will be empty: {level, text}. `repair` is of the status, or null. */
export function queueText(repair, nowMs) {
  if (repair === null) return { level: "idle", text: "The ingesting process has told nothing of it yet." };
  const level = REPAIR_LEVELS[repair.state] ?? (repair.open_gaps === 0 ? "ok" : "idle");
  return { level, text: [repair.words, emptyText(repair, nowMs)].filter(Boolean).join(" ") };
}

/** "The queue will be empty at about 10:43."; "" where that is not known. */
export function emptyText({ empty_at: emptyMs }, nowMs) {
  if (emptyMs === null) return "";
  const day = formatDay(emptyMs) === formatDay(nowMs) ? "" : `${formatDay(emptyMs)} `;
  return `The queue will be empty at about ${day}${formatMinute(emptyMs)}.`;
}

/** The comparison with the final bars in sentences: {level, text}. */
export function comparedText(reconciliation, nowMs) {
  if (reconciliation === null) return { level: "idle", text: "The ingesting process has told nothing of it yet." };
  const { state, date, done, total, last } = reconciliation;
  const waits = state === "waiting" ? ", and waits for the repair of gaps" : "";
  const now = date === null ? "" : `${date} is being compared: ${formatExact(done)} of ${count(total, "ticker")}${waits}.`;
  const before = last === null ? "No day has been compared yet." : lastCompared(last, nowMs);
  return { level: date !== null || last === null ? "idle" : "ok", text: [now, before].filter(Boolean).join(" ") };
}

function lastCompared({ date, bars, differed, added, withdrawn, failed, finished_at: finishedMs }, nowMs) {
  const found = [[added, "missing"], [differed, "with other values"], [withdrawn, "withdrawn"]];
  const wrong = found.filter(([number]) => number > 0).map(([number, what]) => `${formatExact(number)} ${what}`);
  const compared = `${date} was compared at ${momentText(finishedMs, nowMs)}: ${count(bars, "bar")}`;
  const left = failed > 0 ? ` ${count(failed, "ticker")} could not be compared.` : "";
  return `${compared}, ${wrong.length === 0 ? "none of them wrong" : `${listed(wrong)}; all are put right`}.${left}`;
}

/** How long minutes are kept, and how long the disk lasts; empty where nothing is told of it. */
export function retentionText(retention) {
  if (retention === null) return "";
  const { keep_days: days, pruning, forecast } = retention;
  const kept = days === null ? "" : `Minutes are kept for ${days} days${pruning ? "; older ones are being dropped" : ""}.`;
  return [forecast?.words, kept].filter(Boolean).join(" ");
}

/** What the search for patterns found; empty where nothing is told of it. */
export function patternsText(patterns) {
  if (patterns === null) return "";
  const { found, taken_back: takenBack, waiting_symbols: waiting, dropped_ticks: dropped } = patterns;
  const words = `${count(found, "pattern")} found and ${formatExact(takenBack)} taken back since the start`;
  const behind = waiting > 0 ? `; ${count(waiting, "ticker")} still to be looked at` : "";
  const all = dropped > 0 ? ` ${count(dropped, "tick")} found no room, so all that changed was looked at.` : "";
  return `${words}${behind}.${all}`;
}

/** Where bars wait, in sentences: {level, text}. */
export function storageText(storage, nowMs) {
  if (storage === null) return { level: "idle", text: "The ingesting process has told nothing of it yet." };
  const { since, spooled_bars: spooled } = storage;
  if (since !== null) return { level: "bad", text: awayText(storage, nowMs) };
  if (spooled > 0) return { level: "warn", text: drainingText(storage) };
  return { level: "ok", text: "The database takes every bar." };
}

function drainingText({ spooled_bars: spooled, reason }) {
  const trouble = reason === null ? "" : ` ${sentence(reason)}`;
  return `The database takes bars again; ${count(spooled, "bar")} of the spool follow.${trouble}`;
}

/** "The database has taken no bars since 10:31:05. It is locked. 12,345 bars wait, 12,000 of them in the spool; at the
 *  present rate there is room for 9 h." */
export function awayText({ since, reason, memory_bars: inMemory, spooled_bars: spooled, lasts_s: lastsS }, nowMs) {
  const why = reason === null ? "" : ` ${sentence(reason)}`;
  const room = lastsS === null ? "" : `; at the present rate there is room for ${formatSpan(lastsS * 1000)}`;
  const waiting = `${count(inMemory + spooled, "bar")} wait, ${formatExact(spooled)} of them in the spool${room}`;
  return `The database has taken no bars since ${momentText(since, nowMs)}.${why} ${waiting}.`;
}

/** A size: "1.9 MB", "950 bytes". */
export function formatBytes(bytes) {
  const [size, unit] = BYTES.find(([least]) => bytes >= least) ?? [1, "bytes"];
  return `${size === 1 ? bytes : (bytes / size).toFixed(1)} ${unit}`;
}
