// The bars of the chosen symbol, and how a bar is drawn. No DOM here.

import { chartTime } from "./time.js";

const FIELDS = ["open", "high", "low", "close", "volume", "vwap", "tier"];
// About five days of minutes with pre-market and after hours: what a page left open for a week may gather.
const MAX_BARS = 5000;

/** A bar as a candle. Official ones are filled, early ones faintly, live ones hollow. */
export function toCandle(bar, palette) {
  const edge = bar.close >= bar.open ? palette.up : palette.down;
  const faint = bar.close >= bar.open ? palette.upFaint : palette.downFaint;
  const fill = { live: palette.background, early: faint }[bar.tier] ?? edge;
  const { open, high, low, close } = bar;
  return { time: chartTime(bar.timestamp), open, high, low, close, color: fill, borderColor: edge, wickColor: edge };
}

/** A bar's volume as a column, paler while it is not official. */
export function toColumn(bar, palette) {
  const official = bar.tier === "official" || bar.tier === "final";
  const rising = bar.close >= bar.open;
  const color = official ? (rising ? palette.upFaint : palette.downFaint) : palette.volumeLive;
  return { time: chartTime(bar.timestamp), value: bar.volume, color };
}

/** The bars of one symbol by time, merged from overlapping answers. */
export function createBarStore() {
  let byTime = new Map();

  return {
    get size() {
      return byTime.size;
    },
    /** Forget all and keep these. */
    replace(ticks) {
      byTime = new Map(ticks.map((tick) => [tick.timestamp, tick]));
    },
    /** Merge bars; the ones that are new or differ from what is kept, or are withdrawn and were. */
    merge(ticks) {
      const changed = ticks.filter((tick) => changes(byTime.get(tick.timestamp), tick));
      for (const tick of changed) {
        if (tick.withdrawn) byTime.delete(tick.timestamp);
        else byTime.set(tick.timestamp, tick);
      }
      if (byTime.size > MAX_BARS) this.replace(this.ascending().slice(-MAX_BARS));
      return changed;
    },
    ascending() {
      return [...byTime.values()].sort((a, b) => a.timestamp - b.timestamp);
    },
    /** The bars by chart time, ascending. In the hour that autumn repeats the second pass takes the place of the
     *  first, since the library wants each time once; no market is open then. */
    byChartTime() {
      return new Map(this.ascending().map((bar) => [chartTime(bar.timestamp), bar]));
    },
  };
}

function changes(kept, tick) {
  if (tick.withdrawn) return kept !== undefined;
  return kept === undefined || FIELDS.some((field) => kept[field] !== tick[field]);
}
