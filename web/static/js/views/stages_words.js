// Stages as texts and groups. No DOM here.

import { NOT_KNOWN, formatExact, formatPercent } from "../format.js";
import { formatDate } from "./dates.js";

/** The four stages. */
export const STAGES = [
  { stage: 1, name: "Base" }, { stage: 2, name: "Advance" }, { stage: 3, name: "Top" }, { stage: 4, name: "Decline" },
];

/** How the map can be sorted. */
export const SORTS = [
  { key: "new", label: "newest first", sort: "since", order: "desc" },
  { key: "old", label: "longest first", sort: "since", order: "asc" },
  { key: "far", label: "farthest above the average", sort: "distance", order: "desc" },
  { key: "low", label: "farthest below the average", sort: "distance", order: "asc" },
  { key: "name", label: "by symbol", sort: "symbol", order: "asc" },
];

const times = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const share = new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** "2 Advance" */
export function stageName(stage) {
  return `${stage} ${STAGES[stage - 1].name}`;
}

/** "210 of 480 (43.8%)" */
export function shareText(count, counted) {
  return counted === 0 ? NOT_KNOWN : `${formatExact(count)} of ${formatExact(counted)} (${share.format(count / counted)})`;
}

/** For how many weeks a symbol has had its stage: "23", or "23+" where it began in that week or before. */
export function weeksText({ weeks, since_known: isKnown }) {
  return isKnown ? String(weeks) : `${weeks}+`;
}

/** What a symbol of the map says when it is pointed at. */
export function symbolTitle(row) {
  const { symbol, name, sector, stage, since, since_known: isKnown, weeks, figures } = row;
  const when = isKnown ? `since the week of ${formatDate(since)}` : `since the week of ${formatDate(since)} or before`;
  const lines = [
    [symbol, name, sector].filter(Boolean).join(", "),
    `${stageName(stage)} ${when}: ${weeks} ${weeks === 1 ? "week" : "weeks"}`,
    `${signedText(figures.distance)} from its 30-week average, which changed ${signedText(figures.slope)} in 4 weeks`,
  ];
  if (figures.relative_volume !== null) lines.push(`Volume ${times.format(figures.relative_volume)} times that of the ten weeks before`);
  return lines.join("\n");
}

function signedText(fraction) {
  return fraction === null ? NOT_KNOWN : formatPercent(100 * fraction);
}

/** Transitions by what they are from and to, the rising ones first: [{from, to, symbols: [row]}]. */
export function groupTransitions(transitions) {
  const found = new Map();
  for (const one of transitions) {
    const key = `${one.to}${one.from}`;
    if (!found.has(key)) found.set(key, { from: one.from, to: one.to, symbols: [] });
    found.get(key).symbols.push(one);
  }
  const order = [2, 1, 3, 4];
  return [...found.values()].sort((a, b) => order.indexOf(a.to) - order.indexOf(b.to) || a.from - b.from);
}

/** The heading of the transitions: "7 of 480 changed their stage in the week of 16 Nov 2026, which is not over". */
export function transitionsText({ transitions_total: total, counted, week, week_provisional: isProvisional }) {
  if (week === null) return "";
  const end = isProvisional ? ", which is not over" : "";
  return `${formatExact(total)} of ${formatExact(counted)} changed their stage in the week of ${formatDate(week)}${end}`;
}

/** The weeks of a distribution that have any stage: {weeks, counted, 1: [...], 2: ...}. */
export function knownWeeks(distribution) {
  const first = distribution.counted.findIndex((count) => count > 0);
  if (first < 0) return { weeks: [], counted: [], 1: [], 2: [], 3: [], 4: [] };
  return Object.fromEntries(Object.entries(distribution).map(([name, values]) => [name, values.slice(first)]));
}

/** How many of the rows are shown, where those are not all. */
export function cutText({ rows, total }) {
  return rows.length < total ? `The first ${formatExact(rows.length)} of ${formatExact(total)} are shown: choose a sector or a stage.` : "";
}
