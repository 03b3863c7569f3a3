// What lies behind the candles: pre- and post-market shaded, and a line where a day begins.

/** Draws behind everything else of `panes`. `points()` are those of the time axis, `palette()` has the colours. */
export function createShade({ chart, panes, points, palette }) {
  const edges = (place) => {
    const scale = chart.timeScale();
    const centre = scale.logicalToCoordinate(place);
    return [centre, scale.logicalToCoordinate(place + 1) - centre];
  };

  function draw({ context, horizontalPixelRatio, bitmapSize }) {
    const range = chart.timeScale().getVisibleLogicalRange();
    if (range === null) return;
    const [origin, width] = edges(0);
    const fill = (colour, fromX, toX) => {
      const left = Math.round(fromX * horizontalPixelRatio);
      context.fillStyle = colour;
      context.fillRect(left, 0, Math.max(1, Math.round(toX * horizontalPixelRatio) - left), bitmapSize.height);
    };
    const { stretches, days } = behind(points(), range.from, range.to);
    const left = (place) => origin + (place - 0.5) * width;
    for (const [from, to] of stretches) fill(palette().shade, left(from), left(to));
    for (const place of days) fill(palette().dayLine, left(place), left(place));
  }

  const view = {
    zOrder: () => "bottom",
    renderer: () => ({ draw: (target) => target.useBitmapCoordinateSpace(draw) }),
  };
  for (const pane of panes) pane.attachPrimitive({ paneViews: () => [view] });
}

/** Of the points in sight the stretches outside of regular sessions, as [first, end) places, and the places at which a
 *  day begins. Days as bars have neither. */
export function behind(points, from, to) {
  const stretches = [];
  const days = [];
  const last = Math.min(points.length - 1, Math.ceil(to));
  for (let i = Math.max(0, Math.floor(from)); i <= last; i += 1) {
    if (points[i].isDay) break;
    if (i > 0 && points[i].day !== points[i - 1].day) days.push(i);
    if (points[i].session === "regular") continue;
    const open = stretches.at(-1);
    if (open !== undefined && open[1] === i) open[1] = i + 1;
    else stretches.push([i, i + 1]);
  }
  return { stretches, days };
}
