// The gauge's parts as texts. No DOM here.

import { NOT_KNOWN, formatExact, formatVolume } from "../format.js";

const percent = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const decimals = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const toPercent = (value) => `${percent.format(100 * value)}%`;
const toDeviation = (value) => `${decimals.format(100 * value)}%`;
const SIDES = { up_volume: formatVolume, volatility: toDeviation };

/** A part of the gauge: {label, score, scoreText, weight, figure, note}. `figure` tells the ratio with its numerator
 *  and denominator; `note` what it means, or why the part is absent. */
export function partWords(part, { parts, reasons }) {
  const isThere = part.score !== null;
  return {
    label: part.label,
    score: part.score,
    scoreText: isThere ? String(Math.round(part.score)) : NOT_KNOWN,
    weight: weightText(part, parts),
    figure: isThere ? figureText(part) : NOT_KNOWN,
    note: isThere ? part.meaning : reasons[part.absent] ?? "",
  };
}

/** "20%", and "20%, here 33%" while other parts are absent and this one counts for more. */
function weightText({ weight, score }, parts) {
  const stated = `${Math.round(100 * weight)}%`;
  const present = presentWeight(parts);
  if (score === null) return `${stated}, here 0%`;
  return present > 0.999 ? stated : `${stated}, here ${Math.round((100 * weight) / present)}%`;
}

function presentWeight(parts) {
  return parts.reduce((sum, { weight, score }) => sum + (score === null ? 0 : weight), 0);
}

function figureText({ name, ratio, numerator, denominator }) {
  const side = SIDES[name] ?? formatExact;
  const quotient = name === "volatility" ? decimals.format(ratio) : toPercent(ratio);
  return `${quotient}: ${side(numerator)} / ${side(denominator)}`;
}

/** What the gauge is made of, or why there is none. */
export function gaugeText({ gauge, gauge_absent: absent, parts, reasons }) {
  if (gauge === null) return reasons[absent] ?? "";
  const there = parts.filter(({ score }) => score !== null).length;
  if (there === parts.length) return `The mean of its ${there} parts, by their weights.`;
  return `The mean of ${there} of its ${parts.length} parts, by their weights: the others are absent.`;
}
