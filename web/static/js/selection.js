// The chosen symbol: its history, the bars that follow, and late corrections, in one request after the other.

import { MINUTE_MS } from "./time.js";

const CORRECTIONS_INTERVAL_MS = 30_000;
const CORRECTIONS_SPAN_MS = 20 * MINUTE_MS;
// Polls ask from the minute before the last poll on; after a longer silence the chart is loaded anew instead.
const MAX_SILENCE_MS = 20 * MINUTE_MS;

/** Where to ask from, so that no minute is missed since the last poll (null: there was none): the start of the
 *  minute before it, whose official bar may come now. */
export function pollSinceMs(polledMs, nowMs) {
  const fromMs = Math.max(polledMs ?? nowMs, nowMs - MAX_SILENCE_MS);
  return Math.floor(fromMs / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
}

/** Follows one symbol in the chart; `nowMs` gives the server's time, and `onSpelling(symbol)` is told when the
 *  server spells the chosen symbol in another way than the URL did. */
export function createSelection({ api, chart, market, nowMs, onSpelling }) {
  let symbol = null;
  let state = "none"; // none, wanted, loaded, unknown
  let correctedMs = 0;
  let polledMs = null;

  async function load() {
    const asked = symbol;
    const answer = await history(asked);
    if (asked !== symbol) return;
    if (answer !== null && answer.symbol !== asked) {
      onSpelling(answer.symbol);
      return;
    }
    state = answer === null ? "unknown" : "loaded";
    correctedMs = nowMs();
    if (answer !== null) chart.load(answer.ticks);
    say();
  }

  /** A listed symbol that the API does not know is one whose first bar has not come. */
  async function history(asked) {
    try {
      return await api.history(asked);
    } catch (error) {
      if (error.status !== 404) throw error;
      return market.rows.has(asked) ? { symbol: asked, ticks: [] } : null;
    }
  }

  async function correct() {
    const asked = symbol;
    const { ticks } = await api.since([asked], nowMs() - CORRECTIONS_SPAN_MS);
    correctedMs = nowMs();
    follow(asked, ticks);
  }

  function follow(asked, ticks) {
    if (asked !== symbol || state !== "loaded") return;
    chart.update(ticks.filter((tick) => tick.symbol === symbol));
    say();
  }

  function say() {
    if (state === "unknown") chart.say(`TickStock does not know the symbol ${symbol}. Choose one of the watch list.`);
    else if (chart.size > 0) chart.say("");
    else chart.say(state === "loaded" ? `Waiting for the first bar of ${symbol}.` : `Loading the bars of ${symbol}.`);
  }

  async function followChosen() {
    if (state === "unknown" && market.rows.has(symbol)) state = "wanted";
    if (state === "loaded" && polledMs !== null && nowMs() - polledMs > MAX_SILENCE_MS) state = "wanted";
    if (state === "wanted") await load();
    else if (state === "loaded" && nowMs() - correctedMs > CORRECTIONS_INTERVAL_MS) await correct();
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
    /** Ask for the newest bars of the whole page; the answer, or null when there is nothing to ask for. */
    async poll() {
      await followChosen();
      const asked = symbol;
      const symbols = new Set(market.rows.keys());
      if (state === "loaded") symbols.add(asked);
      if (symbols.size === 0) return null;
      const answer = await api.since([...symbols], pollSinceMs(polledMs, nowMs()));
      polledMs = nowMs();
      follow(asked, answer.ticks);
      return answer;
    },
  };
}
