// The dashboard's wiring: which part of the page shows what the server answers.

import { createApi } from "./api.js";
import { createChartPanel } from "./chart.js";
import { assess } from "./condition.js";
import { createFollower } from "./follow.js";
import { formatPrice } from "./format.js";
import { createMarket } from "./market.js";
import { createPoller, findTrouble } from "./poll.js";
import { createSaver } from "./save.js";
import { createSelection } from "./selection.js";
import { pollIntervalSetting, symbolInUrl } from "./settings.js";
import { createStatusView } from "./status.js";
import { createServerClock } from "./time.js";
import { createWatchlist } from "./watchlist.js";

// What was lost is loaded again in several questions: at the fastest pace of polling, however slow the chosen one.
const CATCH_UP_INTERVAL_MS = 1_000;
const REARRANGE_INTERVAL_MS = 5_000;
const CLOCK_INTERVAL_MS = 1_000;

const find = (id) => document.getElementById(id);
const clock = createServerClock();
const api = createApi(clock);
const market = createMarket();
const view = createStatusView(find);
const chart = createChartPanel(find);
const selection = createSelection({ api, chart, market, onSpelling: (symbol) => symbolInUrl.replace(symbol) });
const follower = createFollower({ api, market, selection, onStatus, onChange: noteChange });
const watchlist = createWatchlist({ find, onSelect: chooseByHand });
const interval = pollIntervalSetting(find("poll-interval"), Number(document.body.dataset.pollIntervalMs));
const saver = createSaver({ button: find("chart-save"), chart, symbol: () => selection.symbol });
const poller = createPoller({ task: ask, intervalMs, onChange: showTrust });
let status = null;
let lastChangeMs = null;
let hasBegun = false;

async function ask() {
  await follower.turn();
  chooseFirst();
  // Merging an answer and drawing it are two pieces of work, between which the browser may see to its user.
  await new Promise((resolve) => setTimeout(resolve));
  showRows();
  if (!hasBegun) begin();
}

/** What a page needs to begin is asked for without a pause, and put in order at once. */
function begin() {
  watchlist.arrange();
  hasBegun = follower.isFollowing();
  if (!hasBegun) poller.now();
}

function intervalMs() {
  return follower.isFollowing() ? interval.ms() : CATCH_UP_INTERVAL_MS;
}

function onStatus(newStatus) {
  status = newStatus;
  view.showStatus(status);
}

function noteChange(serverTimeMs) {
  lastChangeMs = serverTimeMs;
}

function chooseByHand(symbol) {
  symbolInUrl.set(symbol);
  // On a narrow screen the chart stands above the list and may be out of sight.
  const panel = find("chart-panel");
  if (panel.getBoundingClientRect().bottom < window.innerHeight / 4) panel.scrollIntoView();
}

function chooseFirst() {
  if (selection.symbol !== null) return;
  const [first] = [...market.rows.keys()].sort();
  if (first !== undefined) symbolInUrl.replace(first);
}

function emptyListText() {
  const { key, count } = status?.universe ?? { key: null, count: 0 };
  if (key === null) return "Waiting for the watch list.";
  if (count > 0) return "Waiting for the first symbol.";
  return `The universe ${key} has no symbols. Name some in the setting SYMBOLS.`;
}

function showRows() {
  watchlist.explain(emptyListText());
  watchlist.show([...market.rows.values()]);
  const row = market.rows.get(selection.symbol);
  chart.showQuote(row);
  saver.refresh();
  const price = row && row.last !== null ? ` ${formatPrice(row.last)}` : "";
  const simulated = find("simulated").hidden ? [] : [find("simulated").textContent];
  const symbol = selection.symbol === null ? [] : [selection.symbol + price];
  document.title = [...simulated, ...symbol, "TickStock"].join(" · ");
}

function showTrust() {
  const trouble = findTrouble(poller.state, Date.now());
  if (trouble?.sinceMs) trouble.sinceMs = clock.fromLocalMs(trouble.sinceMs);
  const assessment = assess({ trouble, status, newestBarMs: market.newestBarMs(), nowMs: clock.nowMs() });
  view.showAssessment(assessment);
  watchlist.tick(clock.nowMs(), assessment.banner === null);
}

function newestDataMs() {
  const times = [status?.last_message_time, lastChangeMs].filter(Boolean);
  return times.length ? Math.max(...times) : market.newestBarMs();
}

symbolInUrl.onChange((symbol) => {
  selection.choose(symbol);
  watchlist.select(symbol);
  showRows();
  poller.now();
});
interval.onChange(poller.now);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) poller.now();
});
window.addEventListener("online", poller.now);
setInterval(watchlist.arrange, REARRANGE_INTERVAL_MS);
setInterval(() => {
  view.tick(clock.nowMs(), newestDataMs());
  showTrust();
}, CLOCK_INTERVAL_MS);
symbolInUrl.start();
poller.now();
