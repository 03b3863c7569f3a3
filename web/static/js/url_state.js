// What is shown, as part of the URL: a view can be shared, kept as a bookmark, and the back button leads to the one before.

/** The state in a URL's hash ("#symbol=BRK.B&tab=rankings"), by name; what has no value is not there. */
export function parseState(hash) {
  return Object.fromEntries([...new URLSearchParams(hash.slice(1))].filter(([, value]) => value !== ""));
}

/** The hash of a state; null and "" stand for what is as it is at first, and are left out. */
export function formatState(state) {
  const kept = Object.entries(state).filter(([, value]) => value !== null && value !== "");
  return kept.length ? `#${new URLSearchParams(kept)}` : "";
}

/** The state of the page in the URL of `window_`. Values are texts; null is what a name has at first. */
export function createUrlState(window_ = window) {
  const listeners = [];
  let state = parseState(window_.location.hash);

  function report() {
    const before = state;
    state = parseState(window_.location.hash);
    const names = new Set([...Object.keys(before), ...Object.keys(state)].filter((name) => before[name] !== state[name]));
    if (names.size > 0) for (const listener of listeners) listener(names);
  }

  function write(method, changes) {
    const { pathname, search, hash } = window_.location;
    const next = formatState({ ...state, ...changes });
    if (next === hash) return;
    window_.history[method](null, "", pathname + search + next);
    report();
  }

  // The way back and forward, and a hash that was typed; what `write` does is not told by the browser.
  window_.addEventListener("hashchange", report);

  return {
    get: (name) => state[name] ?? null,
    /** Change some of the state as a step that the back button takes back. */
    set: (changes) => write("pushState", changes),
    /** Change some of the state without such a step. */
    replace: (changes) => write("replaceState", changes),
    /** Have `listener` told of the names (a Set) whose values changed, whoever changed them. */
    onChange: (listener) => listeners.push(listener),
  };
}
