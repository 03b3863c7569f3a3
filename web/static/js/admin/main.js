// The administrator's page: which part of it shows what the server says.

import { io } from "../../vendor/socket.io-client/socket.io.esm.min.js";
import { createServerClock } from "../time.js";
import { canMoveFrom, createActions } from "./actions.js";
import { createConnectionCard } from "./connection_card.js";
import { createDialog } from "./dialog.js";
import { createEventTable } from "./event_table.js";
import { createGapTable } from "./gap_table.js";
import { createLink } from "./link.js";
import { createOverview, titleText } from "./overview.js";
import { createPrices } from "./prices.js";
import { createRepairPanel } from "./repair_panel.js";
import { createRequests } from "./requests.js";
import { emptyState, withEvents, withGaps, withMetrics, withStatus, withSummary, withTickers } from "./state.js";
import { judge, judgeLink } from "./verdict.js";

const CLOCK_INTERVAL_MS = 1_000;

const find = (id) => document.getElementById(id);
const clock = createServerClock();
const prices = createPrices();
const requests = createRequests(clock, { token: () => document.querySelector("meta[name=csrf-token]")?.content ?? "" });
const socket = io("/admin-ws", { autoConnect: false, transports: ["websocket"], reconnectionDelay: 500 });
const overview = createOverview(find);
const eventTable = createEventTable(find("events"), find("no-events"));
const repairPanel = createRepairPanel(find);
const gapTable = createGapTable({
  body: find("gaps"), empty: find("no-gaps"), onRepair: (gap, text) => actions.repair(gap, text),
});
const actions = createActions({
  dialog: createDialog(find), requests, getState: () => state, onDone: () => link.loadAgain(),
  tell: (connectionId, text, isError) => cards.get(connectionId)?.tell(text, isError),
  tellRepair: repairPanel.tell,
});
const link = createLink({ socket, requests, on: listeners(), onChange: showLink });
const cards = new Map();
let state = emptyState();
let trouble = null;
let hadEnded = false;
let isArranged = false;
let frame = null;

function listeners() {
  return {
    load({ status, events, tickers, gaps }) {
      // A session that began anew, in another tab, has another token: the page is loaded with it.
      if (hadEnded) window.location.reload();
      become(withStatus(state, status));
      if (events === undefined) return;
      become(withEvents(state, events));
      become(withTickers(state, tickers));
      become(withGaps(state, gaps));
      prices.apply(tickers.ticks);
      arrangeSoon();
    },
    status_update: (status) => become(withStatus(state, status)),
    metrics_update: (metrics) => become(withMetrics(state, metrics)),
    summary_update: (summary) => become(withSummary(state, summary)),
    event_update: (events) => become(withEvents(state, events)),
    gaps_update: (gaps) => become(withGaps(state, gaps)),
    tick_update(ticks) {
      prices.apply(ticks);
      if (hasWildcard()) isArranged = false;
      drawSoon();
    },
  };
}

function become(newState) {
  state = newState;
  drawSoon();
}

function arrangeSoon() {
  isArranged = false;
  drawSoon();
}

/** However much comes, the page is drawn at most once a frame, and not at all while nobody sees it. */
function drawSoon() {
  frame ??= requestAnimationFrame(draw);
}

function draw() {
  frame = null;
  if (state.status === null) return;
  const nowMs = clock.nowMs();
  const { connections } = state.status;
  placeCards(connections);
  overview.showStatus(state.status);
  for (const connection of connections) {
    const card = cards.get(connection.connection_id);
    card.show(connection, state, canMoveFrom(connections, connection));
    card.tick(connection, nowMs);
  }
  if (!isArranged) arrange();
  drawPrices();
  showRepair(nowMs);
  eventTable.show(state.events, state.gaps.gaps, namesOf(connections), nowMs);
  showVerdict(nowMs);
}

function placeCards(connections) {
  const ids = connections.map(({ connection_id: id }) => id);
  find("no-connections").hidden = ids.length > 0;
  if (ids.length === cards.size && ids.every((id) => cards.has(id))) return;
  for (const id of cards.keys()) if (!ids.includes(id)) cards.delete(id);
  for (const id of ids) if (!cards.has(id)) cards.set(id, createConnectionCard(id, prices, actions));
  find("connections").replaceChildren(...ids.map((id) => cards.get(id).element));
  find("connections").dataset.count = String(ids.length);
  isArranged = false;
}

function arrange() {
  isArranged = true;
  const { connections } = state.status;
  const names = namesOf(connections);
  const owners = Object.fromEntries(Object.entries(state.moved).map(([ticker, id]) => [ticker, names[id] ?? id]));
  for (const connection of connections) {
    cards.get(connection.connection_id).arrange({
      tickers: tickersOf(connection), typed: find("filter").value, owners,
      canMove: canMoveFrom(connections, connection), emptyText: emptyText(connection),
    });
  }
}

function tickersOf({ connection_id: id, movable }) {
  return movable ? state.carried[id] ?? [] : [...prices.sentBy(id)];
}

function emptyText({ enabled, movable, own_ticker_count: own }) {
  if (!enabled) return "It is disabled and carries nothing.";
  if (!movable) return "Waiting for the first ticker.";
  return own > 0 ? "It carries nothing now." : "It has no tickers.";
}

function hasWildcard() {
  return state.status?.connections.some(({ movable }) => !movable) ?? false;
}

function namesOf(connections) {
  return Object.fromEntries(connections.map(({ connection_id: id, name }) => [id, name]));
}

function drawPrices() {
  const changed = prices.takeChanged();
  for (const card of cards.values()) card.draw(changed);
}

/** With moments that come nearer: it is shown each second too. */
function showRepair(nowMs) {
  repairPanel.show(state.status, state.gaps.totals, nowMs);
  gapTable.show(state.gaps.gaps, namesOf(state.status.connections), nowMs);
}

function showVerdict(nowMs) {
  const verdict = judge(state, nowMs);
  overview.showVerdict(verdict);
  const simulated = find("simulated").hidden ? [] : [find("simulated").textContent];
  // What was good news may be so no more. That messages come late is none: a page that nobody sees asks seldom.
  const title = titleText(trouble?.level === "bad" ? shortened(trouble) : verdict, simulated);
  if (document.title !== title) document.title = title;
}

/** A trouble with its first clause alone: a title has no room for more. */
function shortened({ level, headline }) {
  return { level, headline: headline.split(/[;.]/)[0] };
}

function showLink() {
  const report = link.report();
  const dataMs = report.dataMs === null ? null : clock.fromLocalMs(report.dataMs);
  trouble = judgeLink({ ...report, dataMs });
  hadEnded ||= trouble?.isEnded ?? false;
  overview.showLink(trouble, report);
}

function tick() {
  showLink();
  if (state.status === null) return;
  const nowMs = clock.nowMs();
  overview.tick(nowMs);
  for (const connection of state.status.connections) cards.get(connection.connection_id)?.tick(connection, nowMs);
  showRepair(nowMs);
  showVerdict(nowMs);
}

find("filter").addEventListener("input", arrangeSoon);
find("repair-all").addEventListener("click", () => actions.repair(null, null));
setInterval(tick, CLOCK_INTERVAL_MS);
link.start();
