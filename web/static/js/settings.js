// What the person at the page chose: the pace of polling, kept in the browser, and the symbol, kept in the URL.

const STORAGE_KEY = "tickstock.poll_interval_ms";
const HASH_KEY = "symbol";

/** The interval of polling as a select element shows it; what was chosen before goes before `defaultMs`. */
export function pollIntervalSetting(select, defaultMs, storage = browserStorage()) {
  const offered = [...select.options].map(({ value }) => value);
  const remembered = storage?.getItem(STORAGE_KEY);
  select.value = [remembered, String(defaultMs), offered[0]].find((value) => offered.includes(value));
  return {
    ms: () => Number(select.value),
    onChange(listener) {
      select.addEventListener("change", () => {
        storage?.setItem(STORAGE_KEY, select.value);
        listener();
      });
    },
  };
}

// A browser may refuse pages its storage; the choice then lasts as long as the page.
function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** The symbol a URL's hash names ("#symbol=BRK.B"), or null. */
export function parseHash(hash) {
  return new URLSearchParams(hash.slice(1)).get(HASH_KEY) || null;
}

/** The chosen symbol as part of the URL, so that a view can be shared and the back button works. */
export const symbolInUrl = {
  listener: () => {},
  set: (symbol) => {
    window.location.hash = formatHash(symbol);
  },
  /** Choose without an entry in the browser's history. */
  replace(symbol) {
    window.history.replaceState(null, "", formatHash(symbol));
    this.listener(symbol);
  },
  onChange(listener) {
    this.listener = listener;
  },
  /** Report the URL's symbol, now and whenever it changes. */
  start() {
    const report = () => {
      const symbol = parseHash(window.location.hash);
      if (symbol !== null) this.listener(symbol);
    };
    window.addEventListener("hashchange", report);
    report();
  },
};

function formatHash(symbol) {
  return `#${HASH_KEY}=${encodeURIComponent(symbol)}`;
}
