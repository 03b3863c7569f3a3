// What the data-quality tab says, by an answer of /api/quality. No DOM here.

import { NOT_KNOWN, formatAge, formatExact } from "../format.js";
import { MINUTE_MS, formatDay, formatMinute } from "../time.js";

const STATES = {
  final: "compared with the vendor", unconfirmed: "not compared yet", empty: "nothing traded",
  open: "a gap is being repaired", unrepairable: "a gap was given up", missing: "nothing is stored",
  pruned: "older than what is kept", today: "goes on",
};
const BAD_STATES = new Set(["open", "unrepairable", "missing"]);
const RUN_STATES = { waiting: "waits", running: "is being compared", done: "compared", failed: "failed for some symbols" };

/** A share as "98.2%", rounded down, so that only what is whole says 100%; a dash for one of nothing. */
export function shareText(part, whole, decimals = 1) {
  if (whole === 0) return NOT_KNOWN;
  const units = 10 ** decimals;
  return `${(Math.floor((100 * units * part) / whole) / units).toFixed(decimals)}%`;
}

function timeText(timeMs) {
  return timeMs === null ? NOT_KNOWN : `${formatDay(timeMs)} ${formatMinute(timeMs)}`;
}

function ageMs(newestMs, nowMs) {
  return newestMs === null ? null : nowMs - newestMs - MINUTE_MS;
}

/** The columns of the symbols: how each is written, and the value it is sorted by. */
export const COLUMNS = [
  { key: "symbol", label: "Symbol", text: ({ symbol }) => symbol, value: ({ symbol }) => symbol },
  {
    key: "age", label: "Age", title: "Time since the minute of the newest bar ended", value: ({ newest }) => newest,
    text: ({ newest }, answer, nowMs) => formatAge(ageMs(newest, nowMs)),
  },
  { key: "newest", label: "Newest bar", text: ({ newest }) => timeText(newest), value: ({ newest }) => newest },
  {
    key: "coverage", label: "Minutes", title: "Minutes of the regular session that are stored, of those that are over",
    text: ({ regular }, { passed_minutes: passed }) => `${regular} of ${passed}`, value: ({ regular }) => regular,
  },
  {
    key: "share", label: "Share", text: ({ regular }, { passed_minutes: passed }) => shareText(regular, passed),
    value: ({ regular }) => regular,
  },
  {
    key: "late", label: "Late", title: "Minutes that came or were changed when bars more than 20 minutes newer were there",
    text: ({ late }) => formatExact(late), value: ({ late }) => late,
  },
  {
    key: "state", label: "State", text: ({ state }) => STATES[state], value: ({ state }) => STATES[state],
    state: ({ state }) => (BAD_STATES.has(state) ? "bad" : ""),
  },
];

/** The columns of the days that were compared. */
export const RUN_COLUMNS = [
  { key: "date", label: "Day", text: ({ date }) => date },
  { key: "bars", label: "Bars", text: ({ bars }) => formatExact(bars) },
  { key: "corrected", label: "Corrected", text: ({ corrected }) => formatExact(corrected) },
  { key: "share", label: "Share", text: ({ corrected, bars }) => shareText(corrected, bars, 2) },
  { key: "added", label: "Added", text: ({ added }) => formatExact(added) },
  { key: "withdrawn", label: "Withdrawn", text: ({ withdrawn }) => formatExact(withdrawn) },
  { key: "state", label: "State", text: ({ state }) => RUN_STATES[state] },
];

/** The symbols of an answer by a column; those without a value come last, equal ones by name. */
export function sortSymbols({ symbols }, key, descending) {
  const { value } = COLUMNS.find((column) => column.key === key);
  // The oldest bar has the greatest age.
  const sign = (descending ? -1 : 1) * (key === "age" ? -1 : 1);
  const compare = (a, b) => (a < b ? -1 : Number(a > b));
  return [...symbols].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === null || other === null) return Number(one === null) - Number(other === null) || compare(a.symbol, b.symbol);
    return sign * compare(one, other) || compare(a.symbol, b.symbol);
  });
}

/** The figures above the tables: {term, text, detail}, each with what it is of. */
export function factsOf(answer, nowMs) {
  const { stored_minutes: stored, expected_minutes: expected, passed_minutes: passed, regular_minutes: all } = answer;
  const session = passed < all ? `${passed} of ${all} minutes of the regular session are over` : "the regular session is over";
  return [
    { term: "Trading day", text: answer.date, detail: session },
    {
      term: "Newest bar", text: formatAge(ageMs(answer.data_time, nowMs)),
      detail: answer.data_time === null ? "no bar is stored" : `ago: ${timeText(answer.data_time)} New York`,
    },
    {
      term: "Coverage", text: shareText(stored, expected),
      detail: `${formatExact(stored)} of ${formatExact(expected)} minutes are stored`,
    },
    {
      term: "Symbols with data", text: formatExact(answer.with_data), detail: `of ${formatExact(answer.members)}`,
    },
    {
      term: "Open gaps", text: formatExact(answer.open_gaps),
      detail: `of any day; ${answer.lost_gaps === 0 ? "none" : formatExact(answer.lost_gaps)} given up`,
    },
    { term: "Late minutes", text: formatExact(answer.late_minutes), detail: "came or were changed late today" },
  ];
}
