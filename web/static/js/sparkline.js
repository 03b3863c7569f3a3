// A sparkline: the closes of the newest bars as a line, drawn by SVG presentation attributes alone.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 96;
const HEIGHT = 22;
const MARGIN = 2;

/** The points of a line through `closes`, left to right, as an SVG `points` attribute; "" for less than two. */
export function sparkPoints(closes) {
  if (closes.length < 2) return "";
  const low = Math.min(...closes);
  const range = Math.max(...closes) - low;
  const step = (WIDTH - 2 * MARGIN) / (closes.length - 1);
  const y = (close) => (range === 0 ? HEIGHT / 2 : HEIGHT - MARGIN - ((close - low) / range) * (HEIGHT - 2 * MARGIN));
  return closes.map((close, i) => `${(MARGIN + i * step).toFixed(1)},${y(close).toFixed(1)}`).join(" ");
}

/** An empty sparkline; `draw(closes)` fills it. It repeats what the numbers say, so it is hidden from readers. */
export function createSparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const line = svg.appendChild(document.createElementNS(SVG, "polyline"));
  let shown = "";
  return {
    element: svg,
    draw(closes) {
      const points = sparkPoints(closes);
      if (points !== shown) line.setAttribute("points", points);
      shown = points;
    },
  };
}
