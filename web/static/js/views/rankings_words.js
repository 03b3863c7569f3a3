// The figures of the rankings as texts, and why some are absent. No DOM here.

import { NOT_KNOWN, formatExact, formatPercent, formatPrice, formatVolume } from "../format.js";

// So much of a list of names is read; how many more there are is said.
const MAX_NAMES = 6;
const PRICE_DECIMALS = 4;

const ratio = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percentile = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const FORMATS = {
  dollars: formatVolume,
  shares: formatVolume,
  fraction: (value) => formatPercent(100 * value),
  ratio: (value) => ratio.format(value),
  percentile: (value) => percentile.format(value),
};

/** A figure as it stands in a column ({name, unit}); a dash where it is absent (null). */
export function figureText({ name, unit }, value) {
  if (value === null) return NOT_KNOWN;
  // What was divided by a split has more decimals than anyone wants.
  return name === "price" ? formatPrice(Number(value.toFixed(PRICE_DECIMALS))) : FORMATS[unit](value);
}

/** What a cell says when it is pointed at: why it is empty, or the number that it is shortened from. */
export function figureTitle({ name, unit }, row, { reasons, ranked }) {
  const value = row.figures[name];
  if (value === null) return reasons[row.absent[name]] ?? "";
  if (name === "strength_percentile") return percentileTitle(row.lower, ranked);
  if (name === "price") return "";
  if (unit === "dollars") return `$${formatExact(Math.round(value))}`;
  return unit === "shares" ? `${formatExact(value)} shares` : "";
}

function percentileTitle(lower, ranked) {
  return `${formatExact(lower)} of ${formatExact(ranked)} are weaker (itself and equal ones count half)`;
}

/** Why figures of these rows are absent: each reason with the columns and the symbols it holds for, the most frequent
 *  first. */
export function absences({ rows, columns, reasons }) {
  const found = new Map();
  for (const { symbol, figures, absent } of rows) {
    for (const { name, label } of columns) {
      if (figures[name] !== null) continue;
      const group = found.get(absent[name]) ?? { reason: reasons[absent[name]], labels: new Set(), symbols: new Set(), count: 0 };
      group.labels.add(label);
      group.symbols.add(symbol);
      group.count += 1;
      found.set(absent[name], group);
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

/** One of those as a sentence: "Needs 253 days; 120 are stored. Strength, Percentile of AAPL, MSFT." */
export function absenceText({ reason, labels, symbols }) {
  return `${reason} ${namesText([...labels])}: ${namesText([...symbols])}.`;
}

function namesText(names) {
  const more = names.length - MAX_NAMES;
  return more > 0 ? `${names.slice(0, MAX_NAMES).join(", ")} and ${more} more` : names.join(", ");
}

/** Which of how many rows are shown: "51–100 of 503". */
export function rangeText({ offset, rows, total }) {
  return rows.length === 0 ? "None" : `${offset + 1}–${offset + rows.length} of ${formatExact(total)}`;
}

/** The share that has the figure that was sorted by, and what percentiles are counted among. */
export function basisText({ with_figure: withFigure, total, sort, columns, ranked, benchmark }) {
  const label = columns.find(({ name }) => name === sort)?.label ?? sort;
  const sorted = sort === "symbol" ? "" : `${label} is known of ${formatExact(withFigure)} of ${formatExact(total)}. `;
  const percentiles = ranked === 0 ? "No symbol has a percentile" : `Percentiles are among ${formatExact(ranked)} symbols`;
  return `${sorted}${percentiles}; relative figures are against ${benchmark}.`;
}
