// One day of one symbol: its minutes drawn, and those without a bar as a list.

import { make, setText, showEach } from "../admin/parts.js";
import { formatMinute } from "../time.js";
import { detailText, formatDate, meaningText, spanText } from "./words.js";

const MOST_SPANS = 60;
const AXIS_PX = 16;

/** The panel in the elements that `find` gives by id. */
export function createDetail(find) {
  const canvas = find("minutes");
  let shown = null;

  function draw() {
    if (shown === null) return;
    const { day, missing, missing_outside: outside } = shown;
    const ratio = window.devicePixelRatio || 1;
    const widthPx = canvas.clientWidth;
    const heightPx = canvas.clientHeight;
    canvas.width = Math.round(widthPx * ratio);
    canvas.height = Math.round(heightPx * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const lengthMs = day.to + 60_000 - day.from;
    const x = (atMs) => ((atMs - day.from) / lengthMs) * widthPx;
    const band = (from, to, top) => context.fillRect(x(from), top, Math.max(1, x(to + 60_000) - x(from)), heightPx - AXIS_PX - top);
    context.fillStyle = colour("--day-unconfirmed");
    band(day.from, day.to, 8);
    context.fillStyle = colour("--day-final");
    band(day.open, day.close, 0);
    context.fillStyle = colour("--panel");
    for (const { from, to } of outside) band(from, to, 0);
    context.fillStyle = colour("--day-missing");
    for (const { from, to } of missing) band(from, to, 0);
    context.fillStyle = colour("--muted");
    context.font = `11px ${style.fontFamily}`;
    context.textBaseline = "bottom";
    for (const [atMs, align] of [[day.from, "left"], [day.open, "center"], [day.close + 60_000, "center"], [day.to + 60_000, "right"]]) {
      if (align === "center" && (atMs === day.from || atMs === day.to + 60_000)) continue;
      context.textAlign = align;
      context.fillText(formatMinute(atMs), x(atMs), heightPx);
    }
  }

  new ResizeObserver(draw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    /** Show an answer of the API, and where the keyboard is to go on. */
    show(told) {
      shown = told;
      find("detail").hidden = false;
      setText(find("detail-title"), `${told.symbol}, ${formatDate(told.day.date)}`);
      setText(find("detail-words"), detailText(told));
      setText(find("minutes-words"), meaningText(told));
      canvas.ariaLabel = `The minutes of the day: ${told.missing.length} stretches of the regular session without a bar.`;
      const spans = told.missing.slice(0, MOST_SPANS).map(spanText);
      if (told.missing.length > MOST_SPANS) spans.push(`and ${told.missing.length - MOST_SPANS} more`);
      showEach(find("spans"), spans, () => make("li", ""), setText);
      draw();
    },
    /** The day that is shown: {symbol, day}; null before the first. */
    shown: () => shown,
  };
}
