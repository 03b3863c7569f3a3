// The chart of the chosen symbol: candles, volume, averages, patterns, and the legend of the bar under the pointer.

import {
  CrosshairMode, createChart, createSeriesMarkers,
} from "../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { createBars } from "./bars.js";
import { createChartKeys } from "./chart_keys.js";
import { legendParts } from "./chart_legend.js";
import { eventsByTime, toMarkers } from "./chart_markers.js";
import { chartColours, readPalette } from "./chart_palette.js";
import { createSeries } from "./chart_series.js";
import { createShade } from "./chart_shade.js";
import { direction, formatChange, formatPercent, formatPrice } from "./format.js";
import { TIMEFRAMES } from "./sessions.js";
import { setText } from "./status.js";

const BAR_SPACING_PX = 7;
// Older bars are asked for when fewer than these lie left of those in sight.
const FEW_BARS = 10;
const ARROWS = { up: "▲", down: "▼", flat: "" };

/** The panel; `find` gives an element by id, and `onOlder` is called when bars from before those that are there are to
 *  be seen. The library is drawn into #chart. */
export function createChartPanel({ find = (id) => document.getElementById(id), onOlder }) {
  const box = find("chart");
  const bars = createBars();
  let palette = readPalette();
  let lines = [];
  let events = [];
  let eventsAt = new Map();
  let pointedTime = null;

  const chart = createChart(box, {
    ...chartColours(palette),
    autoSize: true,
    localization: { locale: "en-US" },
    crosshair: { mode: CrosshairMode.Normal },
  });
  chart.applyOptions({
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 5, barSpacing: BAR_SPACING_PX, minBarSpacing: 0.2 },
    rightPriceScale: { entireTextOnly: true },
  });
  const series = createSeries(chart);
  const markers = createSeriesMarkers(series.candles, []);
  createShade({ chart, panes: chart.panes(), points: () => bars.points, palette: () => palette });
  createChartKeys({ box, chart, count: () => bars.points.length, place: pointedPlace, point: pointByKey });

  function drawAll() {
    series.setLines(lines, palette);
    draw(0);
    mark();
  }

  function draw(first) {
    series.draw(bars.points, palette, first);
    series.showLast(lastPoint()?.bar ?? null, palette);
    showLegend();
  }

  function mark() {
    eventsAt = eventsByTime(events);
    markers.setMarkers(toMarkers(eventsAt, (time) => Boolean(bars.pointAt(time)?.bar), palette));
  }

  const lastPoint = () => bars.points.at(-1);

  function pointedPlace() {
    return pointedTime === null ? null : (bars.placeOf(pointedTime) ?? null);
  }

  function parts(point) {
    const values = series.valuesAt(bars.placeOf(point.time));
    const found = eventsAt.get(point.time) ?? [];
    return legendParts({ bar: point.bar, period: bars.periodOf(point), timeframe: bars.timeframe, lines: values, events: found });
  }

  function showLegend() {
    const point = bars.pointAt(pointedTime) ?? lastPoint();
    const legend = find("chart-legend");
    legend.dataset.tier = point?.bar?.tier ?? "";
    legend.replaceChildren(...(point ? parts(point) : []).map(([label, text]) => legendPart(label, text)));
  }

  function pointByKey(place) {
    const point = place === null ? null : bars.points[place];
    pointedTime = point?.time ?? null;
    if (point === null) chart.clearCrosshairPosition();
    else chart.setCrosshairPosition(point.bar?.close ?? lastPoint().bar.close, point.time, series.candles);
    showLegend();
    const said = point === null ? [] : parts(point).map(([label, text]) => `${label} ${text}`.trim());
    setText(find("chart-spoken"), said.join(", "));
  }

  chart.subscribeCrosshairMove(({ time }) => {
    pointedTime = time ?? null;
    showLegend();
  });
  chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
    if (range !== null && bars.size > 0 && range.from < FEW_BARS) onOlder();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    palette = readPalette();
    chart.applyOptions(chartColours(palette));
    drawAll();
  });

  return {
    get size() {
      return bars.size;
    },
    /** From when on bars are drawn, epoch ms; Infinity before they were read. */
    get fromMs() {
      return bars.fromMs;
    },
    /** The first and the last bar of those in sight, epoch ms; null without any. */
    boundsMs() {
      const range = chart.timeScale().getVisibleRange();
      const shown = range === null ? [] : bars.points.filter(
        ({ time, bar }) => bar !== null && time >= range.from && time <= range.to,
      );
      return shown.length ? [shown[0].bar.timestamp, shown.at(-1).bar.timestamp] : null;
    },
    /** Turn to another symbol: its bars are not known yet. */
    show(symbol) {
      bars.clear();
      events = [];
      drawAll();
      setText(find("chart-title"), symbol);
    },
    /** Tell what is drawn, in words for those who do not see it. */
    describe(symbol, timeframe) {
      box.setAttribute("aria-label", `Chart of ${symbol}: ${TIMEFRAMES.get(timeframe)} bars and volume, New York time`);
    },
    /** Take what was read (bar_reader.js) for all there is; with `anew` the newest bars come into sight. */
    load(read, { anew }) {
      events = anew ? [] : events;
      bars.replace(read);
      drawAll();
      chart.applyOptions({ timeScale: { timeVisible: read.timeframe !== "1d" } });
      if (anew) chart.timeScale().resetTimeScale();
    },
    /** Take bars in the place of those of a stretch, which may lie before all. */
    exchange(stretch, read) {
      bars.exchange(stretch, read);
      drawAll();
    },
    /** Merge minutes of the symbol shown; only what changed is drawn again. The answer are the starts of those whose
     *  bars are to be read again, epoch ms. */
    update(ticks) {
      const { first, old } = bars.merge(ticks);
      if (first !== null) draw(first);
      if (first === 0) mark();
      return old;
    },
    /** Draw lines of these indicators. */
    setLines(names) {
      lines = names;
      drawAll();
    },
    /** Mark the bars of these events (chart_markers.js). */
    setMarkers(found) {
      events = found;
      mark();
      showLegend();
    },
    /** Say something in place of bars; "" says nothing. */
    say(text) {
      setText(find("chart-message"), text);
    },
    /** Show the watch list's row of the symbol beside the title; a symbol not listed has none. */
    showQuote(row) {
      const { last, change, changePercent } = row ?? { last: null, change: null };
      const way = direction(change);
      setText(find("chart-name"), row?.name ?? "");
      const changed = change === null ? "" : ` ${ARROWS[way]} ${formatChange(change)} (${formatPercent(changePercent)})`;
      find("chart-quote").dataset.direction = way;
      setText(find("chart-quote"), last === null ? "" : formatPrice(last) + changed);
    },
  };
}

function legendPart(label, text) {
  const part = document.createElement("span");
  if (label) part.appendChild(document.createElement("b")).textContent = label;
  part.append(label ? ` ${text}` : text);
  return part;
}
