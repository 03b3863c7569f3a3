// The administrator's API of what is stored. All fail with ApiError.

import { getJson } from "../api.js";

/** The questions; `token` gives the token against forged requests. */
export function createRequests({ token, fetch = window.fetch.bind(window) }) {
  const act = (path, body) =>
    getJson(fetch, path, {
      method: "POST",
      headers: { "X-CSRFToken": token(), "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    });

  return {
    /** One part of the coverage, from the symbol at `offset` on; `query` holds universe or symbols, from and to. */
    coverage: (query, offset) => getJson(fetch, `/api/admin/coverage?${new URLSearchParams({ ...query, offset })}`),
    symbolDay: (symbol, date) => getJson(fetch, `/api/admin/coverage/${encodeURIComponent(symbol)}/${date}`),
    /** Have days asked for: {state: "done" or "asked", message}. */
    repair: (symbols, from, to) => act("/api/admin/coverage/repair", { symbols, from, to }),
    /** Loads of history, newest first. */
    loads: async () => (await getJson(fetch, "/api/admin/history")).loads,
    /** The answer is {state: "done" or "asked", message}. */
    endLoad: (id) => act(`/api/admin/history/${encodeURIComponent(id)}/cancel`),
  };
}
