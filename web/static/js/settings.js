// What the person at the page chose and the browser keeps, such as the pace of polling.

const STORAGE_KEY = "tickstock.poll_interval_ms";

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

/** A text that the browser keeps under a name: `get()` gives it, or null; `set(text)` keeps it, null forgets it. */
export function keptText(name, storage = browserStorage()) {
  return {
    get: () => storage?.getItem(name) ?? null,
    set: (text) => (text === null ? storage?.removeItem(name) : storage?.setItem(name, text)),
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
