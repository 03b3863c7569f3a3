// Which charts of breadth there are, by day and within a day.

import { formatAxisVolume, formatExact } from "../format.js";
import { formatCount, formatRatio, formatSigned } from "./breadth_words.js";

const percent = (value) => `${Math.round(value)}%`;
const size = (value) => formatExact(Math.abs(value));
const axis = (value) => formatAxisVolume(value).replace("-", "\u2212");
const axisSize = (value) => (Number.isInteger(value) ? size(value) : "");
const line = (name, label, tone, format) => ({ name, label, tone, format });
const columns = (name, label, format) => ({ name, label, tone: "up", format, isColumns: true });

const NET = { title: "Advancers less decliners", series: [columns("net", "", formatCount)], formatMark: axis };
const UP_SHARE = {
  title: "Up volume", series: [line("upShare", "of up and down volume", "accent", (value) => `${value.toFixed(1)}%`)],
  range: [0, 100], level: 50, formatMark: percent,
};
const TRIN = { title: "TRIN", series: [line("trin", "", "accent", formatRatio)], level: 1, formatMark: formatRatio };
const ABOVE = {
  title: "Above the average of",
  series: [["10", "faint"], ["20", "accent"], ["50", "warn"], ["200", "strong"]].map(
    ([bars, tone]) => line(`above${bars}`, `${bars} d`, tone, (value) => `${value.toFixed(1)}%`),
  ),
  range: [0, 100], formatMark: percent,
};
const NEW = [["252", "New 52-week highs, lows"], ["20", "New 20-day highs, lows"]].map(([bars, title]) => ({
  title, series: [columns(`highs${bars}`, "Highs", size), columns(`lows${bars}`, "Lows", size)], formatMark: axisSize,
}));

export const DAILY = [
  { title: "Advance/decline line", series: [line("line", "", "accent", formatCount)], formatMark: axis },
  NET,
  { title: "McClellan oscillator", series: [columns("oscillator", "", formatSigned)], formatMark: axis },
  { title: "Summation index", series: [line("summation", "", "accent", formatSigned)], level: 0, formatMark: axis },
  ABOVE,
  ...NEW,
  UP_SHARE,
  TRIN,
];

export const INTRADAY = [
  {
    title: "Symbols",
    series: [
      line("advancers", "Advancers", "up", formatExact), line("decliners", "Decliners", "down", formatExact),
      line("unchanged", "Unchanged", "faint", formatExact),
    ],
    level: 0, formatMark: axis,
  },
  NET,
  UP_SHARE,
  TRIN,
  ABOVE,
  ...NEW,
];
