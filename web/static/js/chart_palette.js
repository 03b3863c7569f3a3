// The chart's colours, from the page's style sheets: the library draws on a canvas, which knows no variables.

import { INDICATORS } from "./indicators.js";

/** The colours as they are now, light or dark. */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    up: colour("up"), down: colour("down"), upFaint: colour("up-faint"), downFaint: colour("down-faint"),
    volumeLive: colour("volume-live"), background: colour("panel"), text: colour("muted"), line: colour("line"),
    shade: colour("chart-shade"), dayLine: colour("chart-day"),
    lines: Object.fromEntries([...INDICATORS.keys()].map((name) => [name, colour(`line-${name}`)])),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** The options of the library that are colours and type. */
export function chartColours({ background, text, line, font }) {
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
