// The buttons above the chart: the timeframe and the lines, both kept in the URL.

import { INDICATORS } from "./indicators.js";
import { TIMEFRAMES } from "./sessions.js";

export const DEFAULT_TIMEFRAME = "1m";
const DEFAULT_LINES = ["sma20", "sma50", "vwap"];
const NO_LINES = "none";
const SEPARATOR = ".";

/** The timeframe that a URL's `tf` names; another text is as none. */
export function readTimeframe(text) {
  return TIMEFRAMES.has(text) ? text : DEFAULT_TIMEFRAME;
}

/** The lines that a URL's `lines` names, in the order in which they are offered. */
export function readLines(text) {
  if (text === null) return DEFAULT_LINES;
  const named = text.split(SEPARATOR);
  return [...INDICATORS.keys()].filter((name) => named.includes(name));
}

/** The same lines as a text for the URL; null for those that are drawn at first. */
export function writeLines(lines) {
  if (lines.join() === DEFAULT_LINES.join()) return null;
  return lines.length > 0 ? lines.join(SEPARATOR) : NO_LINES;
}

/** Fills the groups of buttons; `url` is the state of the page (url_state.js). */
export function createChartControls({ find, url }) {
  const frames = new Map([...TIMEFRAMES].map(([key, name], i) => {
    const title = `Bars of a period: ${name}. Key ${i + 1}`;
    return [key, createButton(find("chart-timeframes"), key, title, () => chooseTimeframe(key))];
  }));
  const lines = new Map([...INDICATORS].map(([name, { label, title }]) => {
    const button = createButton(find("chart-lines"), label, title, () => toggleLine(name));
    button.dataset.line = name;
    return [name, button];
  }));

  function chooseTimeframe(key) {
    url.set({ tf: key === DEFAULT_TIMEFRAME ? null : key });
  }

  function toggleLine(name) {
    const shown = readLines(url.get("lines"));
    const after = [...INDICATORS.keys()].filter((one) => shown.includes(one) !== (one === name));
    url.replace({ lines: writeLines(after) });
  }

  function show() {
    const timeframe = readTimeframe(url.get("tf"));
    for (const [key, button] of frames) button.ariaPressed = String(key === timeframe);
    const shown = readLines(url.get("lines"));
    for (const [name, button] of lines) button.ariaPressed = String(shown.includes(name));
  }

  url.onChange(show);
  show();
  return {
    /** What the keys 1, 2, 3 ... do: they choose a timeframe. */
    keys: Object.fromEntries([...TIMEFRAMES.keys()].map((key, i) => [String(i + 1), () => chooseTimeframe(key)])),
  };
}

function createButton(group, text, title, onClick) {
  const button = group.appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = text;
  button.title = title;
  button.addEventListener("click", onClick);
  return button;
}
