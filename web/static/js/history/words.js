// What is told of symbols' days: words, colours' names and spans. Pure: no DOM here.

import { formatMinute } from "../time.js";

/** The states in the order of the legend: the word, a CSS colour, and a mark for those that somebody has to look at. */
export const STATES = {
  final: { word: "final: compared with the vendor", colour: "--day-final", mark: "" },
  unconfirmed: { word: "not compared with the vendor yet", colour: "--day-unconfirmed", mark: "" },
  empty: { word: "without a trade", colour: "--day-empty", mark: "" },
  today: { word: "goes on", colour: "--day-today", mark: "›" },
  open: { word: "being repaired", colour: "--day-open", mark: "o" },
  unrepairable: { word: "could not be repaired", colour: "--day-lost", mark: "×" },
  missing: { word: "missing", colour: "--day-missing", mark: "–" },
  pruned: { word: "dropped, too old", colour: "--day-pruned", mark: "" },
};
const FEW_SYMBOLS = 20;
const LACKING = ["missing", "unrepairable", "open"];
const dayText = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric",
});

/** "Thu 20 Nov 2025" of "2025-11-20". */
export function formatDate(date) {
  return dayText.format(Date.parse(date)).replace(",", "");
}

/** Rows of an answer of /api/admin/coverage: {symbol, cells: [{state, bars, regular}]}. */
export function rowsOf({ legend, symbols }) {
  return symbols.map(({ symbol, states, bars, regular }) => ({
    symbol,
    cells: [...states].map((letter, i) => ({ state: legend[letter], bars: bars[i], regular: regular[i] })),
  }));
}

/** A cell in a sentence. */
export function cellText(symbol, day, { state, bars, regular }) {
  const minutes = state === "pruned" ? "" : `, ${regular} of ${day.regular_minutes} regular minutes, ${bars} in all`;
  return `${symbol}, ${formatDate(day.date)}: ${STATES[state].word}${minutes}`;
}

/** Whether a row has a day that somebody can do something about. */
export function lacks({ cells }) {
  return cells.some(({ state }) => LACKING.includes(state));
}

/** The days that lack something: [{symbol, state, from, to}], those that follow each other as one. */
export function lackingSpans(rows, days) {
  const spans = [];
  for (const { symbol, cells } of rows) {
    let before = null;
    cells.forEach(({ state }, i) => {
      const { date } = days[i];
      if (LACKING.includes(state) && state === before) spans.at(-1).to = date;
      else if (LACKING.includes(state)) spans.push({ symbol, state, from: date, to: date });
      before = state;
    });
  }
  return spans;
}

/** "20 Nov 2025" or "18 Nov 2025 to 20 Nov 2025", with the day of the week. */
export function datesText(from, to) {
  return from === to ? formatDate(from) : `${formatDate(from)} to ${formatDate(to)}`;
}

/** How many days are in each state, as a sentence; of `total` symbols those after `offset` are shown, `most` at once. */
export function countsText(rows, { total, offset, most }) {
  const counts = {};
  for (const { cells } of rows) for (const { state } of cells) counts[state] = (counts[state] ?? 0) + 1;
  const all = Object.values(counts).reduce((sum, one) => sum + one, 0);
  if (all === 0) return offset > 0 ? "There are not so many symbols." : "There is no symbol to show: nothing is listened to yet.";
  const parts = Object.keys(STATES).filter((state) => counts[state]);
  const words = parts.map((state) => `${counts[state].toLocaleString("en-US")} ${STATES[state].word.split(":")[0]}`);
  return `${shareText(rows.length, { total, offset, most })} Of ${all.toLocaleString("en-US")} days: ${words.join(", ")}.`;
}

function shareText(count, { total, offset, most }) {
  const number = (value) => value.toLocaleString("en-US");
  if (count < Math.min(most, total - offset)) return `${number(offset + count)} of ${number(total)} symbols so far.`;
  if (count < total) return `Symbols ${number(offset + 1)} to ${number(offset + count)} of ${number(total)}.`;
  return `${number(total)} ${total === 1 ? "symbol" : "symbols"}.`;
}

/** The command that loads the days that are missing; empty when none is. `asked` holds universe or symbols, as typed. */
export function loadCommand({ universe, symbols }, spans) {
  const missing = spans.filter(({ state }) => state === "missing");
  if (missing.length === 0) return "";
  const names = [...new Set(missing.map(({ symbol }) => symbol))];
  const isFew = symbols !== undefined || names.length <= FEW_SYMBOLS;
  const whom = isFew ? `--symbols ${quoted(names.join(","))}` : `--universe ${quoted(universe ?? "listening")}`;
  const dates = missing.flatMap(({ from, to }) => [from, to]).sort();
  return `.venv/bin/flask history load ${whom} --from ${dates[0]} --to ${dates.at(-1)} --timespan minute`;
}

/** A word of a shell's command. */
function quoted(text) {
  return /^[\w.,:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Minutes without a bar, in New York's time: "10:31" or "10:31 to 10:40 (10)". */
export function spanText({ from, to, minutes }) {
  return minutes === 1 ? formatMinute(from) : `${formatMinute(from)} to ${formatMinute(to)} (${minutes})`;
}

/** A symbol's day in detail, as a sentence. */
export function detailText({ state, day, regular, bars, tiers, withdrawn }) {
  const kinds = Object.entries(tiers).filter(([, count]) => count > 0).map(([tier, count]) => `${count} ${tier}`);
  const gone = withdrawn > 0 ? ` The vendor has withdrawn ${withdrawn}.` : "";
  const made = kinds.length > 0 ? ` Bars by their evidence: ${kinds.join(", ")}.` : "";
  return `${capital(STATES[state].word)}. ${regular} of ${day.regular_minutes} minutes of the regular session have a `
    + `bar, ${bars} in all.${made}${gone}`;
}

/** What minutes without a bar mean in a day of that state. */
export function meaningText({ state, missing }) {
  if (missing.length === 0) return "Every minute of the regular session that has passed has a bar.";
  if (state === "final") return "The vendor has no bars of these minutes either: nothing traded in them.";
  return "These minutes of the regular session have no bar. Where nothing traded there is none; the vendor can tell.";
}

/** What is asked before the vendor is: {title, text, confirmText}. */
export function questionFor(symbols, from, to) {
  const who = symbols.length === 1 ? symbols[0] : `${symbols.length.toLocaleString("en-US")} symbols`;
  const requests = symbols.length === 1 ? "One request" : `${symbols.length.toLocaleString("en-US")} requests`;
  return {
    title: `Ask the vendor for ${who}?`,
    text: `${datesText(from, to)}. ${requests} or more, as fast as the plan's rate allows; what differs is put right.`,
    confirmText: "Ask",
  };
}

/** What a load is of. */
export function loadTitle({ kind, symbols, files, from, to, timespan }) {
  const bars = timespan === "day" ? "Daily bars" : "Minutes";
  if (kind === "files") return `${bars} of ${files.length === 1 ? files[0].split("/").at(-1) : `${files.length} files`}`;
  const who = `${(symbols ?? 0).toLocaleString("en-US")} ${symbols === 1 ? "symbol" : "symbols"}`;
  return `${bars} of ${who}, ${datesText(from, to)}`;
}

/** How far a load is, and what became of it. */
export function loadText({ words, actor, failures, failures_total: total }) {
  const failed = failures.slice(0, 3).map(({ what, reason }) => `${what}: ${reason}`);
  const more = total > 3 ? [`and ${total - 3} more`] : [];
  return [words, ...failed, ...more, `Asked for by ${actor}.`].filter(Boolean).join(" ");
}

/** How long a load takes still, where that is known. */
export function timeLeftText({ left_s: left }) {
  if (left === null) return "";
  if (left < 120) return `(about ${left} s left)`;
  return left < 7200 ? `(about ${Math.ceil(left / 60)} min left)` : `(about ${Math.ceil(left / 3600)} h left)`;
}

/** What is asked before a load is ended: {title, text, confirmText}. */
export function questionForEnd(load) {
  return { title: "End this load?", text: `${loadTitle(load)}. What it has loaded stays.`, confirmText: "End it" };
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
