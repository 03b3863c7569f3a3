// The administrator's API: what is known of connections and gaps, and what can be done about them.

import { getJson } from "../api.js";

const EVENTS = 100;
const GAPS = 100;

/** The questions and actions; `clock` learns the server's time, `token` gives the token against forged requests. All
 *  fail with ApiError. */
export function createRequests(clock, { token, fetch = window.fetch.bind(window), nowMs = Date.now }) {
  function act(path, body) {
    const headers = { "X-CSRFToken": token(), "Content-Type": "application/json" };
    return getJson(fetch, path, { method: "POST", headers, body: body && JSON.stringify(body) });
  }

  return {
    async status() {
      const sentMs = nowMs();
      const status = await getJson(fetch, "/api/admin/websocket-status");
      clock.observe(status.timestamp, sentMs, nowMs());
      return status;
    },
    /** The newest events, newest first. */
    events: async () => (await getJson(fetch, `/api/admin/connection-events?limit=${EVENTS}`)).events,
    /** {totals, gaps}: what is open, oldest first, then what is closed, newest first. */
    gaps: () => getJson(fetch, `/api/admin/gaps?limit=${GAPS}`),
    /** {tickers, moved, ticks}. */
    tickers: () => getJson(fetch, "/api/admin/connection-tickers"),
    /** `action` is pause, resume or reconnect. The answer is {state: "done" or "asked", message}. */
    control: (connectionId, action) => act(`/api/admin/connections/${encodeURIComponent(connectionId)}/${action}`),
    move: (ticker, connectionId) =>
      act(`/api/admin/tickers/${encodeURIComponent(ticker)}/move`, { connection_id: connectionId }),
    /** Have a gap asked about now; null: all that wait. */
    repair: (gapId) => act("/api/admin/gaps/repair", gapId === null ? {} : { gap_id: gapId }),
  };
}
