// The newest price of each ticker, and which of them changed since they were drawn. No DOM here.

/** A tick is {connection_id, symbol, price, volume, timestamp}, the newest bar's; it is kept with its direction,
 *  "up", "down" or "flat", against the price before. */
export function createPrices() {
  const bySymbol = new Map();
  const bySource = new Map();
  let changed = new Set();

  function apply(tick) {
    const before = bySymbol.get(tick.symbol);
    if (before !== undefined && isNothingNew(before, tick)) return;
    const direction = directionOf(before, tick);
    bySymbol.set(tick.symbol, { ...tick, direction, flash: before !== undefined && before.price !== tick.price });
    noteSource(tick);
    changed.add(tick.symbol);
  }

  function noteSource({ connection_id: source, symbol }) {
    if (!bySource.has(source)) bySource.set(source, new Set());
    bySource.get(source).add(symbol);
  }

  return {
    get: (symbol) => bySymbol.get(symbol),
    /** The tickers that a connection has sent: all that is known of a subscription to the whole market. */
    sentBy: (connectionId) => bySource.get(connectionId) ?? new Set(),
    apply(ticks) {
      ticks.forEach(apply);
    },
    /** The tickers that changed since the last time this was asked. */
    takeChanged() {
      const taken = changed;
      changed = new Set();
      return taken;
    },
  };
}

// An answer asked for before a message was sent may come after it.
function isNothingNew(before, { timestamp, price, volume }) {
  return timestamp < before.timestamp
    || (timestamp === before.timestamp && price === before.price && volume === before.volume);
}

function directionOf(before, tick) {
  if (before === undefined) return tick.direction ?? "flat";
  if (tick.price === before.price) return before.direction;
  return tick.price > before.price ? "up" : "down";
}
