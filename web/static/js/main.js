// The dashboard's wiring: which part of the page shows what the server answers.

import { LISTENING, createApi } from "./api.js";
import { createBarReader } from "./bar_reader.js";
import { createChartPanel } from "./chart.js";
import { createChartControls, readLines, readTimeframe } from "./chart_controls.js";
import { createColumns } from "./columns.js";
import { assess } from "./condition.js";
import { createFollower } from "./follow.js";
import { formatPrice } from "./format.js";
import { createKeys } from "./keys.js";
import { createMarket } from "./market.js";
import { createPoller, findTrouble } from "./poll.js";
import { createSaver } from "./save.js";
import { createSelection } from "./selection.js";
import { pollIntervalSetting } from "./settings.js";
import { createStatusView } from "./status.js";
import { createTabs } from "./tabs.js";
import { createServerClock } from "./time.js";
import { createUniverseChooser, scopeOf } from "./universe.js";
import { createUrlState } from "./url_state.js";
import { createViewHost } from "./view_host.js";
import { VIEWS } from "./views/index.js";
import { createWatchlist } from "./watchlist.js";

// What was lost is loaded again in several questions: at the fastest pace of polling, however slow the chosen one.
const CATCH_UP_INTERVAL_MS = 1_000;
const REARRANGE_INTERVAL_MS = 5_000;
const CLOCK_INTERVAL_MS = 1_000;
// After the next question is on its way.
const DRAW_AFTER_MS = 10;
const WATCH = { key: "watch", label: "Watch list" };
// Changes of these need no answer of the server.
const OWN_STATE = new Set(["sort", "filter", "lines"]);

const find = (id) => document.getElementById(id);
const clock = createServerClock();
const api = createApi(clock);
const market = createMarket();
const view = createStatusView(find);
const chart = createChartPanel({ find, onOlder: loadOlder });
const url = createUrlState();
const reader = createBarReader({ api, nowMs: clock.nowMs });
const panels = createPanels();
const selection = createSelection({ reader, chart, market, onSpelling: (symbol) => url.replace({ symbol }) });
const views = createViewHost({ views: VIEWS, panels, context: createContext() });
const tabs = createTabs({ list: find("tabs"), views: [WATCH, ...VIEWS], panels, onChoose: chooseTab });
const universe = createUniverseChooser({ find, url });
const on = {
  status: onStatus, change: noteChange, members: universe.show, noMembers: universe.refuse, universes: universe.offer,
};
const follower = createFollower({ api, market, selection, scope: () => scopeOf(url), views, on });
const watchlist = createWatchlist({ find, url, onSelect: chooseByHand });
const interval = pollIntervalSetting(find("poll-interval"), Number(document.body.dataset.pollIntervalMs));
const saver = createSaver({ button: find("chart-save"), chart, selection });
const poller = createPoller({ task: ask, intervalMs, onChange: showTrust });
let status = null;
let lastChangeMs = null;
let hasBegun = false;

/** The panels by their tabs' keys: that of the watch list stands in the page, those of views are made here. */
function createPanels() {
  const found = new Map([[WATCH.key, find("panel-watch")]]);
  for (const { key } of VIEWS) {
    const panel = document.createElement("div");
    panel.className = "view";
    panel.id = `panel-${key}`;
    found.set(key, find("board").appendChild(panel));
  }
  for (const panel of found.values()) panel.role = "tabpanel";
  return found;
}

/** What views may use of the page (views/index.js). */
function createContext() {
  return {
    url,
    universe: () => scopeOf(url).key,
    offset: () => scopeOf(url).offset,
    chooseSymbol: (symbol) => url.set({ symbol, tab: null }),
    refresh: () => poller.now(),
    nowMs: clock.nowMs,
    ask: api.ask,
  };
}

function chooseTab(key) {
  url.set({ tab: key === WATCH.key ? null : key });
}

/** Show the tab that the URL names; one that there is not is the watch list. */
function showTab() {
  const key = panels.has(url.get("tab")) ? url.get("tab") : WATCH.key;
  tabs.select(key);
  views.open(key);
}

async function ask() {
  await follower.turn();
  chooseFirst();
  if (!hasBegun) {
    begin();
    return;
  }
  // Merging an answer and drawing it are two pieces of work, between which the browser may see to its user.
  await new Promise((resolve) => setTimeout(resolve));
  showRows();
}

/** What a page needs to begin is asked for without a pause; each part is drawn while the server makes the next one. */
function begin() {
  hasBegun = follower.isFollowing();
  // A view that is open asks its first question with the first poll, which is not to be waited for.
  if (!hasBegun || views.question() !== null) poller.now();
  setTimeout(() => {
    showRows();
    watchlist.arrange();
  }, DRAW_AFTER_MS);
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
  url.set({ symbol });
  // On a narrow screen the chart stands above the list and may be out of sight.
  const panel = find("chart-panel");
  if (panel.getBoundingClientRect().bottom < window.innerHeight / 4) panel.scrollIntoView();
}

function loadOlder() {
  if (selection.wantOlder()) poller.now();
}

function chooseFirst() {
  if (selection.symbol !== null) return;
  const [first] = [...market.rows.keys()].sort();
  if (first !== undefined) url.replace({ symbol: first });
}

function emptyListText() {
  const { key: chosen } = scopeOf(url);
  if (chosen !== LISTENING) return follower.isFollowing() ? `${chosen} has no symbols here.` : `Waiting for ${chosen}.`;
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

function showSymbol() {
  const symbol = url.get("symbol");
  if (symbol === null) return;
  selection.choose(symbol, readTimeframe(url.get("tf")));
  watchlist.select(symbol);
  // A page that begins has its rows drawn while it waits for an answer.
  if (hasBegun) showRows();
}

function showLines() {
  chart.setLines(readLines(url.get("lines")));
}

function showUniverse() {
  hasBegun = false;
  follower.turnTo();
  universe.readUrl();
  showRows();
}

/** Keys that act on the list do so where it is shown. */
function onList(act) {
  return () => {
    if (!find("panel-watch").hidden) act();
  };
}

url.onChange((names) => {
  if (names.has("universe") || names.has("page")) showUniverse();
  if (names.has("sort") || names.has("filter")) watchlist.readUrl();
  if (names.has("tab")) showTab();
  if (names.has("symbol") || names.has("tf")) showSymbol();
  if (names.has("lines")) showLines();
  if (![...names].every((name) => OWN_STATE.has(name))) poller.now();
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
const controls = createChartControls({ find, url });
createColumns({ table: find("watchlist"), menu: find("columns") });
createKeys({
  box: find("letter-keys"),
  actions: {
    j: onList(() => watchlist.move("ArrowDown")),
    k: onList(() => watchlist.move("ArrowUp")),
    "/": onList(() => find("filter").select()),
    "?": () => find("help").showModal(),
    ...Object.fromEntries(Object.entries(controls.keys).map(([key, act]) => [key, onList(act)])),
  },
});
find("help-open").addEventListener("click", () => find("help").showModal());
universe.readUrl();
watchlist.readUrl();
showTab();
showLines();
showSymbol();
poller.now();
