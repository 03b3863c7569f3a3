// The administrator's API: what is known of the connections, and what can be done to them.

import { getJson } from "../api.js";

const EVENTS = 100;

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
    /** {tickers, moved, ticks}. */
    tickers: () => getJson(fetch, "/api/admin/connection-tickers"),
    /** `action` is pause, resume or reconnect. The answer is {state: "done" or "asked", message}. */
    control: (connectionId, action) => act(`/api/admin/connections/${encodeURIComponent(connectionId)}/${action}`),
    move: (ticker, connectionId) =>
      act(`/api/admin/tickers/${encodeURIComponent(ticker)}/move`, { connection_id: connectionId }),
  };
}
