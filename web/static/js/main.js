// The dashboard's wiring: which question is asked when, and which part of the page shows the answer.

import { createApi } from "./api.js";
import { createChartPanel } from "./chart.js";
import { assess } from "./condition.js";
import { formatPrice } from "./format.js";
import { createMarket } from "./market.js";
import { createPoller, findTrouble } from "./poll.js";
import { createSelection } from "./selection.js";
import { pollIntervalSetting, symbolInUrl } from "./settings.js";
import { createStatusView } from "./status.js";
import { createServerClock } from "./time.js";
import { createWatchlist } from "./watchlist.js";

const QUOTES_INTERVAL_MS = 15_000;
// Until the first quotes come, as at a first start while history is loaded.
const FIRST_QUOTES_INTERVAL_MS = 3_000;
const STATUS_INTERVAL_MS = 5_000;
const REARRANGE_INTERVAL_MS = 5_000;
const CLOCK_INTERVAL_MS = 1_000;

const find = (id) => document.getElementById(id);
const clock = createServerClock();
const api = createApi(clock);
const market = createMarket();
const view = createStatusView(find);
const chart = createChartPanel(find);
const selection = createSelection({
  api, chart, market, nowMs: clock.nowMs, onSpelling: (symbol) => symbolInUrl.replace(symbol),
});
const watchlist = createWatchlist({
  table: find("watchlist"), message: find("list-message"), onSelect: chooseByHand,
});
const interval = pollIntervalSetting(find("poll-interval"), Number(document.body.dataset.pollIntervalMs));
let status = null;
let lastChangeMs = null;

async function askQuotes() {
  market.applyQuotes(await api.quotes());
  chooseFirst();
  showRows();
}

async function askTicks() {
  const answer = await selection.poll();
  if (!answer) return;
  if (market.applyTicks(answer)) lastChangeMs = answer.server_time;
  showRows();
}

async function askStatus() {
  status = await api.status();
  market.setUniverse(status.universe.symbols);
  view.showStatus(status);
  showRows();
}

function quotesIntervalMs() {
  return market.isQuoted() ? QUOTES_INTERVAL_MS : FIRST_QUOTES_INTERVAL_MS;
}

function chooseByHand(symbol) {
  symbolInUrl.set(symbol);
  // On a narrow screen the chart stands above the list and may be out of sight.
  const panel = find("chart-panel");
  if (panel.getBoundingClientRect().bottom < window.innerHeight / 4) panel.scrollIntoView();
}

function chooseFirst() {
  const [first] = [...market.rows.keys()].sort();
  if (selection.symbol === null && first !== undefined) symbolInUrl.replace(first);
}

function emptyListText() {
  const { key, symbols } = status?.universe ?? { key: null, symbols: [] };
  if (symbols.length > 0) return `Waiting for the first bar of ${symbols.length} symbols.`;
  if (key === null) return "Waiting for the watch list.";
  return `The universe ${key} has no symbols. Name some in the setting SYMBOLS.`;
}

function showRows() {
  watchlist.explain(emptyListText());
  watchlist.show([...market.rows.values()]);
  const row = market.rows.get(selection.symbol);
  chart.showQuote(row);
  const price = row && row.last !== null ? ` ${formatPrice(row.last)}` : "";
  const simulated = find("simulated").hidden ? [] : [find("simulated").textContent];
  const symbol = selection.symbol === null ? [] : [selection.symbol + price];
  document.title = [...simulated, ...symbol, "TickStock"].join(" · ");
}

function showTrust() {
  const trouble = findTrouble(pollers.map(({ state }) => state), Date.now());
  if (trouble?.sinceMs) trouble.sinceMs = clock.fromLocalMs(trouble.sinceMs);
  const assessment = assess({ trouble, status, newestBarMs: market.newestBarMs(), nowMs: clock.nowMs() });
  view.showAssessment(assessment);
  watchlist.tick(clock.nowMs(), assessment.banner === null);
}

function newestDataMs() {
  const times = [status?.last_message_time, lastChangeMs].filter(Boolean);
  return times.length ? Math.max(...times) : market.newestBarMs();
}

function onChange({ recovered }) {
  showTrust();
  if (recovered) pollers.filter(({ state }) => state.failures > 0).forEach((poller) => poller.now());
}

const quotes = createPoller({ task: askQuotes, intervalMs: quotesIntervalMs, onChange });
const ticks = createPoller({ task: askTicks, intervalMs: interval.ms, onChange });
const statuses = createPoller({ task: askStatus, intervalMs: () => STATUS_INTERVAL_MS, onChange });
const pollers = [statuses, quotes, ticks];
const askAll = () => pollers.forEach((poller) => poller.now());

symbolInUrl.onChange((symbol) => {
  selection.choose(symbol);
  watchlist.select(symbol);
  showRows();
  ticks.now();
});
interval.onChange(ticks.now);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) askAll();
});
window.addEventListener("online", askAll);
setInterval(watchlist.arrange, REARRANGE_INTERVAL_MS);
setInterval(() => {
  view.tick(clock.nowMs(), newestDataMs());
  showTrust();
}, CLOCK_INTERVAL_MS);
symbolInUrl.start();
askAll();
