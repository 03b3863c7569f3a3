// Where values stand in a plot: scales, round marks, and paths. No DOM here.

const STEPS = [1, 2, 2.5, 5, 10];

/** The least and the greatest of all values, and of `also`; null without any. */
export function extent(columns, also = []) {
  const values = columns.flat().filter((value) => value !== null).concat(also);
  return values.length ? [Math.min(...values), Math.max(...values)] : null;
}

/** Round numbers that divide a range into `count` parts or fewer: [-100, 0, 100]. */
export function roundMarks([low, high], count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * STEPS.find((factor) => factor * power >= rough * (1 - 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A range a little wider than the values, so that a line does not lie on the edge; one value has some room too. */
export function widened([low, high]) {
  const room = (high - low) * 0.06 || Math.abs(low) * 0.05 || 1;
  return [low - room, high + room];
}

/** A line through the points that are there, interrupted where one is null; a point alone is a dot. */
export function linePath(values, x, y) {
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const starts = i === 0 || values[i - 1] === null;
    const isAlone = starts && (values[i + 1] ?? null) === null;
    path += `${starts ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}${isAlone ? "h0.1" : ""}`;
  });
  return path;
}

/** Upright strokes from zero to the values that `holds` is true of. */
export function columnsPath(values, x, y, holds) {
  const zero = y(0).toFixed(1);
  return values.map((value, i) => (
    value !== null && holds(value) ? `M${x(i).toFixed(1)} ${zero}V${y(value).toFixed(1)}` : ""
  )).join("");
}

/** Of `count` labels so many that each has `room` of `width` pixels: their places, the last one among them. */
export function labelPlaces(count, width, room) {
  const every = Math.max(1, Math.ceil((count * room) / Math.max(width, 1)));
  return Array.from({ length: Math.ceil(count / every) }, (_, i) => count - 1 - i * every).reverse();
}
