// The chosen symbol: its history, and the bars that follow.

/** Follows one symbol in the chart; `onSpelling(symbol)` is told when the server spells the chosen symbol in another
 *  way than the URL did. */
export function createSelection({ api, chart, market, onSpelling }) {
  let symbol = null;
  let state = "none"; // none, wanted, loaded, unknown

  async function load() {
    const asked = symbol;
    const answer = await history(asked);
    if (asked !== symbol) return;
    if (answer !== null && answer.symbol !== asked) {
      onSpelling(answer.symbol);
      return;
    }
    state = answer === null ? "unknown" : "loaded";
    if (answer !== null) chart.load(answer.ticks);
    say();
  }

  async function history(asked) {
    // Before its first bar a symbol of the watch list may not be known to the database.
    if (market.rows.has(asked) && market.rows.get(asked).timestampMs === null) return { symbol: asked, ticks: [] };
    try {
      return await api.history(asked);
    } catch (error) {
      if (error.status !== 404) throw error;
      return null;
    }
  }

  function say() {
    if (state === "unknown") chart.say(`TickStock does not know the symbol ${symbol}. Choose one of the watch list.`);
    else if (chart.size > 0) chart.say("");
    else chart.say(state === "loaded" ? `Waiting for the first bar of ${symbol}.` : `Loading the bars of ${symbol}.`);
  }

  return {
    get symbol() {
      return symbol;
    },
    choose(newSymbol) {
      if (newSymbol === symbol) return;
      symbol = newSymbol;
      state = "wanted";
      chart.show(symbol);
      say();
    },
    /** Tell whether the symbol's history is to be loaded: it was chosen, or is known by now. */
    isWanted: () => state === "wanted" || (state === "unknown" && market.rows.has(symbol)),
    load,
    /** Have the history loaded again; what the chart shows stays until then. */
    loadAgain() {
      if (state === "loaded") state = "wanted";
    },
    /** The symbol, when its bars are to be asked for beside those of the watch list; else null. */
    unlisted: () => (state === "loaded" && !market.rows.has(symbol) ? symbol : null),
    /** Merge bars of any symbols that came or were revised since the history. */
    follow(ticks) {
      if (state !== "loaded") return;
      chart.update(ticks.filter((tick) => tick.symbol === symbol));
      say();
    },
  };
}
