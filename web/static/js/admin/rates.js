// The messages of the last minute as a line over an area, drawn from nothing up. No DOM here.

const WIDTH = 240;
const HEIGHT = 40;
const MARGIN = 2;

/** The points of the line through `rates` (messages of each whole second, oldest first), as SVG `points`; "" for
 *  less than two. The lowest place is none, the highest the most of them. */
export function ratePoints(rates) {
  if (rates.length < 2) return "";
  const most = Math.max(1, ...rates);
  const step = WIDTH / (rates.length - 1);
  const y = (rate) => HEIGHT - MARGIN - (rate / most) * (HEIGHT - 2 * MARGIN);
  return rates.map((rate, i) => `${(i * step).toFixed(1)},${y(rate).toFixed(1)}`).join(" ");
}

/** The area below that line, as the `d` of an SVG path. */
export function rateArea(rates) {
  const points = ratePoints(rates);
  return points && `M0,${HEIGHT} L${points.replaceAll(" ", " L")} L${WIDTH},${HEIGHT} Z`;
}

/** What the line shows, in words. */
export function rateRange(rates) {
  if (rates.length === 0) return "Nothing was counted yet.";
  const [least, most] = [Math.min(...rates), Math.max(...rates)];
  if (most === 0) return `No message in the last ${rates.length} s`;
  const range = least === most ? `${most}` : `${least} to ${most}`;
  return `${range} in each of the last ${rates.length} s`;
}
