// What a chart is drawn of: candles, columns of volume, and lines of averages. No DOM here.

import {
  CandlestickSeries, HistogramSeries, LineSeries, LineStyle,
} from "../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { formatAxisVolume, priceDecimals } from "./format.js";
import { INDICATORS, indicatorValues } from "./indicators.js";

const VOLUME_PANE = 1;
const MAX_AXIS_DECIMALS = 4;
const AXIS_BARS = 100;
// From so many changed points on it costs less to exchange all.
const MAX_UPDATES = 100;
// Kinds of averages differ in more than their colours.
const STYLES = { sma: LineStyle.Solid, ema: LineStyle.Dashed, vwap: LineStyle.Dotted };

const LINE_OPTIONS = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false };

/** A point as a candle: official ones are filled, early ones faintly, live ones hollow; a missing one is room. */
export function toCandle({ time, bar }, palette) {
  if (bar === null) return { time };
  const edge = bar.close >= bar.open ? palette.up : palette.down;
  const faint = bar.close >= bar.open ? palette.upFaint : palette.downFaint;
  const fill = { live: palette.background, early: faint }[bar.tier] ?? edge;
  const { open, high, low, close } = bar;
  return { time, open, high, low, close, color: fill, borderColor: edge, wickColor: edge };
}

/** A point's volume as a column, paler while it is not official. */
export function toColumn({ time, bar }, palette) {
  if (bar === null) return { time };
  const official = bar.tier === "official" || bar.tier === "final";
  const rising = bar.close >= bar.open;
  const color = official ? (rising ? palette.upFaint : palette.downFaint) : palette.volumeLive;
  return { time, value: bar.volume, color };
}

/** The values of a line from a place on, as what is drawn: [{time, value}]. A line that begins anew each day is broken
 *  between days: what leads from one point to the next is drawn in the colour of the first of them. */
export function toLine(points, values, first, isBroken) {
  const drawn = [];
  for (let i = first; i < points.length; i += 1) {
    if (values[i] === null) continue;
    const before = drawn.at(-1);
    if (isBroken && before !== undefined && before.day !== points[i].day) before.color = "transparent";
    drawn.push({ time: points[i].time, value: values[i], day: points[i].day });
  }
  return drawn.map(({ day: _day, ...point }) => point);
}

/** The series of `chart`. `lines` are names of indicators. */
export function createSeries(chart) {
  // The library would give its own line of the last price the fill of the last bar, and a live bar has none.
  const candles = chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
  const columns = chart.addSeries(HistogramSeries, {
    priceFormat: { type: "custom", minMove: 1, formatter: formatAxisVolume },
    priceLineVisible: false, lastValueVisible: false,
  }, VOLUME_PANE);
  const lastPriceLine = candles.createPriceLine({ price: 0, lineVisible: false, axisLabelVisible: false, title: "" });
  chart.panes()[0].setStretchFactor(4);
  chart.panes()[VOLUME_PANE].setStretchFactor(1);
  let lines = new Map();
  let values = new Map();
  let drawnTime = -1;

  function drawAll(points, palette) {
    // Older bars may have more decimals, which a split gave them.
    const newest = points.filter(({ bar }) => bar !== null).slice(-AXIS_BARS);
    const precision = Math.min(MAX_AXIS_DECIMALS, Math.max(2, ...newest.map(({ bar }) => priceDecimals(bar.close))));
    candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    candles.setData(points.map((point) => toCandle(point, palette)));
    columns.setData(points.map((point) => toColumn(point, palette)));
    for (const [name, line] of lines) line.setData(toLine(points, values.get(name), 0, name === "vwap"));
  }

  function drawTail(points, palette, first, before) {
    for (let i = first; i < points.length; i += 1) {
      const isDrawn = points[i].time <= drawnTime;
      candles.update(toCandle(points[i], palette), isDrawn);
      columns.update(toColumn(points[i], palette), isDrawn);
    }
    for (const [name, line] of lines) drawLineTail(name, line, points, first, before.get(name));
  }

  function drawLineTail(name, line, points, first, before) {
    const now = values.get(name);
    const from = Math.max(0, now.findLastIndex((value, i) => i < first && value !== null));
    // A value that is gone, or one between others, takes the whole.
    const isPlain = before.every((value, i) => i < first || (value === null) === (now[i] === null));
    if (!isPlain || points.length - from > MAX_UPDATES) {
      line.setData(toLine(points, now, 0, name === "vwap"));
      return;
    }
    const newest = points[before.findLastIndex((value) => value !== null)]?.time ?? -1;
    for (const point of toLine(points, now, from, name === "vwap")) line.update(point, point.time <= newest);
  }

  return {
    candles,
    /** The values of the lines that are drawn at a place: [[name, value or null]]. */
    valuesAt: (place) => [...values].map(([name, all]) => [name, all[place] ?? null]),
    /** Draw the points from `first` on; those before are as they were. */
    draw(points, palette, first) {
      const before = values;
      values = new Map([...lines.keys()].map((name) => [name, indicatorValues(name, points)]));
      if (first === 0 || points.length - first > MAX_UPDATES) drawAll(points, palette);
      else drawTail(points, palette, first, before);
      drawnTime = points.at(-1)?.time ?? -1;
    },
    /** Have lines of these indicators, and no others; `draw` draws them. */
    setLines(names, palette) {
      for (const [name, line] of lines) if (!names.includes(name)) chart.removeSeries(line);
      lines = new Map(names.map((name) => [name, lines.get(name) ?? chart.addSeries(LineSeries, LINE_OPTIONS)]));
      for (const [name, line] of lines) {
        const { kind } = INDICATORS.get(name);
        line.applyOptions({ color: palette.lines[name], lineStyle: STYLES[kind], lineWidth: kind === "vwap" ? 2 : 1 });
      }
    },
    /** Mark the last bar's close by a line and on the axis; null for none. */
    showLast(bar, palette) {
      const color = bar !== null && bar.close >= bar.open ? palette.up : palette.down;
      const seen = { lineVisible: true, axisLabelVisible: true, lineWidth: 1, lineStyle: LineStyle.Dotted, color };
      lastPriceLine.applyOptions(
        bar === null ? { lineVisible: false, axisLabelVisible: false } : { ...seen, price: bar.close },
      );
    },
  };
}
