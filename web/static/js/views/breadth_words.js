// The figures of breadth as texts and as lists to draw. No DOM here.

import { NOT_KNOWN, formatExact, formatPercent, formatVolume } from "../format.js";

const AVERAGES = ["10", "20", "50", "200"];
const EXTREMES = [["20", "20-day"], ["252", "52-week"]];
const WEEKDAYS = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "short", day: "numeric", month: "short" });

const fixed = (decimals) => new Intl.NumberFormat("en-US", {
  minimumFractionDigits: decimals, maximumFractionDigits: decimals,
});
const one = fixed(1);
const two = fixed(2);

/** A share as percent: "56.7%". */
export const formatShare = (share) => `${one.format(100 * share)}%`;

/** A number with its sign and one decimal: "+12.3", "−4.0". */
export const formatSigned = (value) => signedWith(one, value);

/** A count with its sign: "+1,234". */
export const formatCount = (value) => signedWith(fixed(0), value);

export const formatRatio = (value) => two.format(value);

function signedWith(format, value) {
  const text = format.format(Math.abs(value));
  if (!/[1-9]/.test(text)) return text;
  return (value > 0 ? "+" : "\u2212") + text;
}

/** A trading date ("2026-11-20") as "Fri 20 Nov". */
export function dateText(date) {
  return WEEKDAYS.format(Date.parse(date)).replace(",", "");
}

/** The figures of the last day, or of the last point of a day, in groups: [{label, value, share, note}], where `share`
 *  (0 to 1, or null) is drawn, and `note` is what it is a share of, or why the figure is absent. */
export function latestRows(daily, reasons) {
  const at = daily.dates.length - 1;
  const why = (name) => reasons[daily.absent[name]] ?? "";
  const counted = daily.counted[at] ?? 0;
  const plain = (label, name, format, note) => {
    const value = daily[name][at] ?? null;
    return value === null ? absentRow(label, why(name)) : { label, value: format(value), share: null, note };
  };
  return [
    ...moveRows(daily, at, counted, why("advancers")),
    plain("Mean change", "mean_change", (value) => formatPercent(100 * value), "of equal sums in each of them"),
    plain("Advance/decline line", "line", formatCount, "advancers less decliners, summed up from the first day on"),
    plain("TRIN", "trin", formatRatio, "below 1: advancers have more than their part of the volume"),
    plain("McClellan oscillator", "oscillator", formatSigned, "ratio-adjusted; neutral is 0"),
    plain("Summation index", "summation", formatSigned, "neutral is 0"),
    ...AVERAGES.map((bars) => aboveRow(daily.above_average[bars], bars, at, why(`above_average.${bars}`))),
    ...EXTREMES.flatMap(([bars, name]) => newRows(daily.new_extremes[bars], name, at, why(`new_extremes.${bars}`))),
  ];
}

function absentRow(label, note) {
  return { label, value: NOT_KNOWN, share: null, note };
}

function moveRows(daily, at, counted, reason) {
  const kinds = [["Advancers", "advancers"], ["Decliners", "decliners"], ["Unchanged", "unchanged"]];
  const volumes = [["Up volume", "up_volume"], ["Down volume", "down_volume"], ["Unchanged volume", "unchanged_volume"]];
  if (counted === 0) return [...kinds, ...volumes].map(([label]) => absentRow(label, reason));
  const whole = volumes.reduce((sum, [, name]) => sum + daily[name][at], 0);
  return [
    ...kinds.map(([label, name]) => shareRow(label, daily[name][at], counted, formatExact, "symbols")),
    ...volumes.map(([label, name]) => shareRow(label, daily[name][at], whole, formatVolume, "")),
  ];
}

function shareRow(label, part, whole, format, unit) {
  const share = whole === 0 ? null : part / whole;
  const percent = share === null ? "" : `${formatShare(share)} of `;
  return { label, value: format(part), share, note: `${percent}${format(whole)} ${unit}`.trim() };
}

function aboveRow({ above, counted, share }, bars, at, reason) {
  const label = `Above ${bars}-day average`;
  if ((share[at] ?? null) === null) return absentRow(label, reason);
  const note = `${formatExact(above[at])} of ${formatExact(counted[at])} symbols`;
  return { label, value: formatShare(share[at]), share: share[at], note };
}

function newRows({ highs, lows, counted }, name, at, reason) {
  const kinds = [[`New ${name} highs`, highs], [`New ${name} lows`, lows]];
  if (!counted[at]) return kinds.map(([label]) => absentRow(label, reason));
  return kinds.map(([label, values]) => shareRow(label, values[at], counted[at], formatExact, "symbols"));
}

/** Lists to draw, of days or of the points of a day; what has no denominator is absent. */
export function drawnFigures(moves) {
  const each = (read) => moves.counted.map((counted, i) => (counted ? read(i) : null));
  const figures = {
    ...moves,
    advancers: each((i) => moves.advancers[i]),
    decliners: each((i) => moves.decliners[i]),
    unchanged: each((i) => moves.unchanged[i]),
    net: each((i) => moves.advancers[i] - moves.decliners[i]),
    upShare: moves.up_volume.map((up, i) => (up + moves.down_volume[i] ? (100 * up) / (up + moves.down_volume[i]) : null)),
  };
  for (const bars of AVERAGES) figures[`above${bars}`] = moves.above_average[bars].share.map(toPercent);
  for (const [bars] of EXTREMES) {
    const { highs, lows, counted } = moves.new_extremes[bars];
    figures[`highs${bars}`] = highs.map((count, i) => (counted[i] ? count : null));
    figures[`lows${bars}`] = lows.map((count, i) => (counted[i] ? -count : null));
  }
  return figures;
}

function toPercent(share) {
  return share === null ? null : 100 * share;
}
