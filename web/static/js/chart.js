// The chart of the chosen symbol: candles, volume, and the legend of the bar under the pointer.

import {
  CandlestickSeries, CrosshairMode, HistogramSeries, LineStyle, createChart,
} from "../vendor/lightweight-charts/lightweight-charts.standalone.production.mjs";
import { createBarStore, toCandle, toColumn } from "./bars.js";
import {
  direction, formatAxisVolume, formatChange, formatExact, formatPercent, formatPrice, formatVwap, priceDecimals,
  tierText,
} from "./format.js";
import { setText } from "./status.js";
import { chartTime, formatDay, formatMinute } from "./time.js";

const BAR_SPACING_PX = 7;
const VOLUME_PANE = 1;
const MAX_AXIS_DECIMALS = 4;
const ARROWS = { up: "▲", down: "▼", flat: "" };

/** The parts of a bar's legend as [label, text] pairs. */
export function legendParts(bar) {
  return [
    ["", `${formatDay(bar.timestamp)} ${formatMinute(bar.timestamp)} New York`],
    ["O", formatPrice(bar.open)], ["H", formatPrice(bar.high)],
    ["L", formatPrice(bar.low)], ["C", formatPrice(bar.close)],
    ["V", formatExact(bar.volume)], ["VWAP", formatVwap(bar.vwap)],
    ["", tierText(bar.tier)],
  ];
}

/** The panel; `find` gives an element by id. The library is drawn into #chart. */
export function createChartPanel(find = (id) => document.getElementById(id)) {
  const box = find("chart");
  const store = createBarStore();
  let palette = readPalette();
  let drawn = new Map();
  let pointedTime = null;

  const chart = createChart(box, {
    ...chartColours(palette),
    autoSize: true,
    localization: { locale: "en-US" },
    crosshair: { mode: CrosshairMode.Normal },
  });
  chart.applyOptions({
    timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 5, barSpacing: BAR_SPACING_PX },
    rightPriceScale: { entireTextOnly: true },
  });
  // The library would give its own line of the last price the fill of the last bar, and a live bar has none.
  const candles = chart.addSeries(CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
  const lastPriceLine = candles.createPriceLine({ price: 0, lineVisible: false, axisLabelVisible: false, title: "" });
  const columns = chart.addSeries(HistogramSeries, {
    priceFormat: { type: "custom", minMove: 1, formatter: formatAxisVolume },
    priceLineVisible: false, lastValueVisible: false,
  }, VOLUME_PANE);
  chart.panes()[0].setStretchFactor(4);
  chart.panes()[VOLUME_PANE].setStretchFactor(1);

  function drawAll() {
    drawn = store.byChartTime();
    const bars = [...drawn.values()];
    const precision = Math.min(MAX_AXIS_DECIMALS, Math.max(2, ...bars.map(({ close }) => priceDecimals(close))));
    candles.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    candles.setData(bars.map((bar) => toCandle(bar, palette)));
    columns.setData(bars.map((bar) => toColumn(bar, palette)));
    showLast();
  }

  /** Draw a bar that is the newest, or in the place of the one that is drawn for its minute. */
  function draw(bar) {
    const time = chartTime(bar.timestamp);
    const isRevision = drawn.has(time);
    drawn.set(time, bar);
    candles.update(toCandle(bar, palette), isRevision);
    columns.update(toColumn(bar, palette), isRevision);
  }

  /** The library appends a bar and exchanges one that it has; what comes in between, or goes, needs the whole. */
  function canBeDrawnAlone({ timestamp, withdrawn }) {
    const newest = [...drawn.keys()].at(-1) ?? 0;
    return !withdrawn && (chartTime(timestamp) >= newest || drawn.has(chartTime(timestamp)));
  }

  function lastBar() {
    return [...drawn.values()].at(-1);
  }

  function showLast() {
    const last = lastBar();
    lastPriceLine.applyOptions(last ? priceLine(last, palette) : { lineVisible: false, axisLabelVisible: false });
    showLegend();
  }

  function showLegend() {
    const bar = drawn.get(pointedTime) ?? lastBar();
    const parts = bar ? legendParts(bar) : [];
    find("chart-legend").dataset.tier = bar?.tier ?? "";
    find("chart-legend").replaceChildren(...parts.map(([label, text]) => legendPart(label, text)));
  }

  chart.subscribeCrosshairMove(({ time }) => {
    pointedTime = time ?? null;
    showLegend();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    palette = readPalette();
    chart.applyOptions(chartColours(palette));
    drawAll();
  });

  return {
    get size() {
      return store.size;
    },
    /** The first and the last bar of those in sight, epoch ms; null without any. */
    boundsMs() {
      const range = chart.timeScale().getVisibleRange();
      const shown = range === null ? [] : [...drawn].filter(([time]) => time >= range.from && time <= range.to);
      return shown.length ? [shown[0][1].timestamp, shown.at(-1)[1].timestamp] : null;
    },
    /** Turn to another symbol: its bars are not known yet. */
    show(symbol) {
      store.replace([]);
      drawAll();
      setText(find("chart-title"), symbol);
      box.setAttribute("aria-label", `Chart of ${symbol}: one-minute bars and volume, New York time`);
      chart.timeScale().resetTimeScale();
    },
    /** Take these bars for all there is. */
    load(ticks) {
      store.replace(ticks);
      drawAll();
    },
    /** Merge bars of the symbol shown, and take out those that are withdrawn; only what changed is drawn again. */
    update(ticks) {
      const changed = store.merge(ticks);
      if (changed.length === 0) return;
      if (changed.every(canBeDrawnAlone)) changed.forEach(draw);
      else drawAll();
      showLast();
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

function priceLine(bar, palette) {
  const { borderColor: color } = toCandle(bar, palette);
  const line = { price: bar.close, color, lineWidth: 1, lineStyle: LineStyle.Dotted };
  return { ...line, lineVisible: true, axisLabelVisible: true };
}

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    up: colour("up"), down: colour("down"), upFaint: colour("up-faint"), downFaint: colour("down-faint"),
    volumeLive: colour("volume-live"), background: colour("panel"), text: colour("muted"), line: colour("line"),
    font: getComputedStyle(document.body).fontFamily,
  };
}

function chartColours({ background, text, line, font }) {
  return {
    // The library's logo comes with a style element, which the pages' CSP refuses; its notice stands below the chart.
    layout: {
      attributionLogo: false, background: { color: background }, textColor: text, fontFamily: font, fontSize: 11,
      panes: { separatorColor: line, separatorHoverColor: line },
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line },
  };
}
