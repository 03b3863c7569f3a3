// Averages over a chart's bars. Pure: an array of values in, one of the same length out, null where there is none yet.

/** What a chart offers to draw over its candles. SMA and EMA are made of closes. `kind` and `length` say how, in bars. */
export const INDICATORS = new Map([
  ["sma20", { label: "SMA 20", kind: "sma", length: 20, title: "Simple moving average of the last 20 closes" }],
  ["sma50", { label: "SMA 50", kind: "sma", length: 50, title: "Simple moving average of the last 50 closes" }],
  ["sma200", { label: "SMA 200", kind: "sma", length: 200, title: "Simple moving average of the last 200 closes" }],
  ["ema9", { label: "EMA 9", kind: "ema", length: 9, title: "Exponential moving average, 9 bars" }],
  ["ema21", { label: "EMA 21", kind: "ema", length: 21, title: "Exponential moving average, 21 bars" }],
  ["vwap", { label: "VWAP", kind: "vwap", title: "Volume-weighted average price since the regular session opened" }],
]);

/** The values of an indicator at each point; a point without a bar has none, and is not counted. */
export function indicatorValues(name, points) {
  const { kind, length } = INDICATORS.get(name);
  if (kind === "vwap") return sessionVwap(points);
  const closes = points.filter(({ bar }) => bar !== null).map(({ bar }) => bar.close);
  const values = (kind === "sma" ? sma : ema)(closes, length);
  let next = 0;
  return points.map(({ bar }) => (bar === null ? null : values[next++]));
}

/** The simple moving average: the mean of the last `length` values. */
export function sma(values, length) {
  let sum = 0;
  return values.map((value, i) => {
    sum += value;
    if (i >= length) sum -= values[i - length];
    return i < length - 1 ? null : sum / length;
  });
}

/** The exponential moving average: e = e' + (v - e') * 2 / (length + 1), begun with the mean of the first `length`
 *  values, as TA-Lib begins it (https://ta-lib.org/functions/ema/). */
export function ema(values, length) {
  const weight = 2 / (length + 1);
  let average = null;
  return values.map((value, i) => {
    if (i < length - 1) return null;
    if (average === null) average = values.slice(0, length).reduce((sum, one) => sum + one, 0) / length;
    else average += (value - average) * weight;
    return average;
  });
}

/** Of each bar of a regular session sum(vwap * volume) / sum(volume) since the session opened; null in other sessions,
 *  and from a bar on that traded and tells no VWAP. Days as bars have none. Points: [{bar, session, day}]. */
export function sessionVwap(points) {
  let day = null;
  let dollars = 0;
  let shares = 0;
  return points.map((point) => {
    if (point.bar === null || point.session !== "regular" || point.isDay) return null;
    if (point.day !== day) [day, dollars, shares] = [point.day, 0, 0];
    const { vwap, volume } = point.bar;
    dollars += volume > 0 ? (vwap ?? NaN) * volume : 0;
    shares += volume;
    return shares > 0 && !Number.isNaN(dollars) ? dollars / shares : null;
  });
}
