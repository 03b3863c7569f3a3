// The rotation of sectors as texts and rows. No DOM here.

import { NOT_KNOWN, formatExact, formatPercent } from "../format.js";
import { formatDate } from "./dates.js";

/** The four quadrants, and where they stand on the chart. */
export const QUADRANTS = [
  { quadrant: "leading", name: "Leading", isRight: true, isUpper: true },
  { quadrant: "weakening", name: "Weakening", isRight: true, isUpper: false },
  { quadrant: "lagging", name: "Lagging", isRight: false, isUpper: false },
  { quadrant: "improving", name: "Improving", isRight: false, isUpper: true },
];

/** What sectors are made of; the field of an answer's group that has it. */
export const BASES = [
  { basis: "members", field: "by_members", label: "By members" },
  { basis: "funds", field: "by_etf", label: "By ETFs" },
];

const SERIES = 11;
const NARROW_PX = 620;
const hundred = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** The rows of the table on one basis, each {sector, etf, members, series, quadrant, ratio, momentum, changes, tail,
 *  absent}; a sector that has nothing on that basis is left out. */
export function rowsOf({ groups }, field) {
  return groups
    .map((group, place) => ({ ...group[field], sector: group.sector, etf: group.etf, members: group.members, series: place % SERIES, has: group[field] !== null }))
    .filter(({ has }) => has);
}

/** Sorted by a column ("sector", "ratio", "momentum" or a window such as "21"); what is absent comes last. */
export function sortRows(rows, sort, order) {
  const sign = order === "asc" ? 1 : -1;
  const value = (row) => (sort in row.changes ? row.changes[sort].change : row[sort]);
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null) || one.sector.localeCompare(other.sector);
    return sign * (typeof a === "string" ? a.localeCompare(b) : a - b) || one.sector.localeCompare(other.sector);
  });
}

/** The tracks of the chart: of the rows that have a point. */
export function tracksOf(rows, basis, widthPx) {
  const isShort = basis === "funds" || widthPx < NARROW_PX;
  return rows
    .filter(({ tail }) => tail.length > 0)
    .map(({ sector, etf, series, tail }) => ({ sector, label: isShort ? etf ?? sector : sector, series, points: tail }));
}

/** "101.24" */
export function formatHundred(value) {
  return value === null ? NOT_KNOWN : hundred.format(value);
}

/** A change, a fraction, in percent. */
export function formatFraction(value) {
  return value === null ? NOT_KNOWN : formatPercent(100 * value);
}

/** What a cell of changes says when it is pointed at: how many members it is the average of, or why it is empty. */
export function changeTitle({ members, changes, absent, etf }, days, basis, reasons) {
  const { change, counted } = changes[days];
  if (change === null) return reasons[absent[`change_${days}d`]] ?? "";
  return basis === "funds" ? `Change of ${etf}` : `Average of ${formatExact(counted)} of ${formatExact(members)} members`;
}

/** "Leading" */
export function quadrantName(quadrant) {
  return QUADRANTS.find((one) => one.quadrant === quadrant)?.name ?? NOT_KNOWN;
}

/** "Energy, week of 16 Nov 2026: ratio 101.24, momentum 99.80" */
export function pointText(sector, { week, ratio, momentum }) {
  return `${sector}, week of ${formatDate(week)}: ratio ${formatHundred(ratio)}, momentum ${formatHundred(momentum)}`;
}

/** What the chart shows, for who does not see it: "Leading: Energy, Utilities. Weakening: none. ..." */
export function summaryText(rows) {
  const parts = QUADRANTS.map(({ quadrant, name }) => {
    const here = rows.filter((row) => row.quadrant === quadrant).map(({ sector }) => sector);
    return `${name}: ${here.join(", ") || "none"}.`;
  });
  return parts.join(" ");
}

/** On what the figures rest. */
export function basisText({ benchmark, without_sector: withoutSector, groups }, basis) {
  const against = `Ratio and momentum are against ${benchmark}, by weeks: above 100 is stronger, and growing stronger.`;
  if (basis === "funds") return `Each sector is its fund. ${against}`;
  const members = groups.reduce((sum, group) => sum + group.members, 0);
  const without = withoutSector ? `; of ${formatExact(withoutSector)} no sector is known` : "";
  return `Each sector is the plain average of its members' returns, all of one weight (${formatExact(members)} members${without}). ${against}`;
}
