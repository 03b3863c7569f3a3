// What the judgement says of gaps, and of a database that does not take bars. No DOM here.

import { awayText, emptyText, openLosses } from "./gap_words.js";
import { count } from "./words.js";

// Shorter ones pass by themselves: a lock that is waited for.
const LEAST_AWAY_MS = 5_000;
const LOOK_AT_THE_DATABASE = "See that the database answers and its disk has room; the log says more.";

/** Whether the database has taken no bars for a while. */
export function isStorageAway({ storage }, nowMs) {
  return storage !== null && storage.since !== null && nowMs - storage.since >= LEAST_AWAY_MS;
}

/** Notes on a status' storage. */
export function storageNotes(status, nowMs) {
  const { storage } = status;
  const away = isStorageAway(status, nowMs)
    ? [{ level: "bad", text: awayText(storage, nowMs), advice: LOOK_AT_THE_DATABASE }] : [];
  return storage === null ? [] : [...away, ...lossNotes(storage)];
}

function lossNotes({ lost_bars: lost, damaged_rows: damaged }) {
  const advice = "They are asked for again; the gaps below say how far that is.";
  const notes = [];
  if (lost > 0) notes.push({ level: "warn", text: `For ${count(lost, "bar")} there was no room to wait.`, advice });
  if (damaged > 0) {
    notes.push({ level: "warn", text: `${count(damaged, "row")} of the spool could not be read at the start.`, advice });
  }
  return notes;
}

/** Notes on what is missing and not repaired yet. */
export function gapNotes({ status: { repair }, gaps: { gaps, totals } }, nowMs) {
  return [...repairNotes(repair), ...givenUpNotes(totals), ...openNotes(repair, gaps, nowMs)];
}

function repairNotes(repair) {
  if (repair === null || !["refused", "paused"].includes(repair.state)) return [];
  return [{ level: "warn", text: `Gaps are not repaired for now: ${repair.words}`, advice: "It goes on by itself; Repair now tries at once." }];
}

function givenUpNotes(totals) {
  if (totals === null || totals.unrepairable === 0) return [];
  const text = `${count(totals.unrepairable, "gap")} could not be repaired.`;
  return [{ level: "warn", text, advice: "The table below says why; its buttons have them asked about once more." }];
}

function openNotes(repair, gaps, nowMs) {
  const open = openLosses(gaps);
  if (open === 0 || repair === null) return [];
  const text = `${count(open, "gap")} ${open === 1 ? "is" : "are"} open: what was missed is asked for again.`;
  const waiting = repair.waiting_symbols > 0 ? `${count(repair.waiting_symbols, "ticker")} wait.` : "";
  return [{ level: "idle", text, advice: [waiting, emptyText(repair, nowMs)].filter(Boolean).join(" ") }];
}
