// The administrator's API: universes.

import { getJson } from "../api.js";

/** The questions and changes; `token` gives the token against forged requests. All fail with ApiError. */
export function createRequests({ token, fetch = window.fetch.bind(window) }) {
  const url = (name) => `/api/admin/universes/${encodeURIComponent(name)}`;

  function send(method, path, body, type) {
    return getJson(fetch, path, { method, body, headers: { "X-CSRFToken": token(), "Content-Type": type } });
  }

  const change = (name, body) => send("POST", `${url(name)}/members`, JSON.stringify(body), "application/json");

  return {
    list: (search) => getJson(fetch, `/api/admin/universes?${new URLSearchParams({ search })}`),
    show: (name) => getJson(fetch, url(name)),
    add: (name, symbols) => change(name, { add: symbols }),
    remove: (name, symbols, force) => change(name, { remove: symbols, force }),
    delete: (name, force) => send("DELETE", `${url(name)}?force=${force}`, undefined, "application/json"),
    /** `content` is a Blob or a text; `wish` has name, add, skip_bad and dry_run. */
    import(content, { name, ...flags }) {
      const told = Object.entries({ ...flags, ...(name ? { name } : {}) });
      const path = `/api/admin/universe-import?${new URLSearchParams(told)}`;
      return send("POST", path, content, "text/plain");
    },
    refresh: () => send("POST", "/api/admin/symbols/refresh", "{}", "application/json"),
    exportUrl: (name, format) => `/api/admin/universe-export?${new URLSearchParams({ names: name, format })}`,
  };
}
