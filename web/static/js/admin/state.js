// What the page knows of the connections, and how each message of the server changes it. No DOM, no clock here.

import { labelOf } from "./words.js";

const MAX_EVENTS = 100;

/** `status` is the last GET /api/admin/websocket-status as later messages changed it, or null before the first;
 *  `gaps` has {totals, gaps} of GET /api/admin/gaps, `events` are the newest 100, newest first; `carried` the tickers by the connection that carries them now, `moved`
 *  the owner's id of each ticker that is not with its own connection. */
export function emptyState() {
  return { status: null, gaps: { totals: null, gaps: [] }, events: [], carried: {}, moved: {} };
}

/** A whole status in the place of the one before. */
export function withStatus(state, status) {
  return { ...state, status };
}

/** The second's figures of each connection. */
export function withMetrics(state, metrics) {
  if (state.status === null) return state;
  const connections = state.status.connections.map((connection) => {
    const figures = metrics[connection.connection_id];
    return figures === undefined ? connection : { ...connection, ...figures };
  });
  return { ...state, status: { ...state.status, connections } };
}

/** The second's figures of all of it: summary, pipeline, repair, storage and so on. */
export function withSummary(state, summary) {
  return state.status === null ? state : { ...state, status: { ...state.status, ...summary } };
}

/** The gaps as they are now. */
export function withGaps(state, gaps) {
  return { ...state, gaps };
}

/** Events besides those known; one that comes twice, by a message and an answer, is kept once. */
export function withEvents(state, events) {
  const byId = new Map([...events, ...state.events].map((event) => [event.id, event]));
  const merged = [...byId.values()].sort((a, b) => b.time - a.time || b.id - a.id).slice(0, MAX_EVENTS);
  return { ...state, events: merged };
}

/** Who carries which tickers. */
export function withTickers(state, { tickers, moved }) {
  return { ...state, carried: tickers, moved };
}

/** Who carries tickers of a connection in its stead: [[connection_id, how many], ...], in the order of `carried`. */
export function carriersOf({ carried, moved }, ownerId) {
  return Object.entries(carried)
    .map(([carrierId, tickers]) => [carrierId, tickers.filter((ticker) => moved[ticker] === ownerId).length])
    .filter(([, number]) => number > 0);
}

/** How a connection is called in sentences, by its id. */
export function labelIn({ status }, id) {
  const connection = status.connections.find(({ connection_id: other }) => other === id);
  return connection === undefined ? id : labelOf(connection);
}

// What a connection that does not carry goes through, beside attempts that fail again.
const ENDS = new Set(["disconnected", "refused", "paused", "fewer_granted"]);

/** When the connection began to be away, by its events; null when they do not reach back that far. */
export function awaySinceMs({ events }, connectionId) {
  let sinceMs = null;
  for (const event of events) {
    if (event.connection_id !== connectionId) continue;
    if (event.event === "connected") return sinceMs;
    if (ENDS.has(event.event)) sinceMs = event.time;
  }
  return events.length < MAX_EVENTS ? sinceMs : null;
}

/** Who paused the connection, or null. */
export function pausedBy({ events }, connectionId) {
  const pause = events.find(({ connection_id: id, event }) => id === connectionId && event === "paused");
  return pause?.actor ?? null;
}
