// One poller is one question asked again and again: never twice at once, slower when nobody looks,
// with a growing pause while it fails, and at once when the page is looked at again.

export const HIDDEN_INTERVAL_MS = 15_000;
const FIRST_RETRY_MS = 1_000;
const RETRY_CAP_MS = 15_000;
const HANGING_MS = 5_000;

/** The pause before the next request. `random` is in [0, 1) and shortens a retry by up to a quarter, so that
 *  pages do not come back all at once. */
export function nextDelayMs({ intervalMs, failures, hidden, random }) {
  const retryMs = Math.min(RETRY_CAP_MS, FIRST_RETRY_MS * 2 ** failures) * (1 - random / 4);
  const delayMs = failures === 0 ? intervalMs : retryMs;
  return hidden ? Math.max(delayMs, HIDDEN_INTERVAL_MS) : delayMs;
}

/** Ask `task` (an async function) at `intervalMs()`. `onChange` is called after every answer and failure. */
export function createPoller({ task, intervalMs, onChange }) {
  const state = { failures: 0, error: null, pendingSinceMs: null, lastSuccessMs: null };
  let timer = null;
  let again = false;

  async function run() {
    timer = null;
    again = false;
    state.pendingSinceMs = Date.now();
    await attempt();
    state.pendingSinceMs = null;
    plan();
    onChange();
  }

  async function attempt() {
    try {
      await task();
      Object.assign(state, { failures: 0, error: null, lastSuccessMs: Date.now() });
    } catch (error) {
      // Only a failed request is something to wait out; anything else is a fault of the page and must be seen.
      if (error.name !== "ApiError") console.error(error);
      Object.assign(state, { failures: state.failures + 1, error });
    }
  }

  function plan() {
    const { failures } = state;
    const delayMs = nextDelayMs({
      intervalMs: intervalMs(), failures, hidden: document.hidden, random: Math.random(),
    });
    timer = setTimeout(run, again ? 0 : delayMs);
  }

  return {
    state,
    /** Ask now; while a request is under way, once more right after it. */
    now() {
      if (state.pendingSinceMs !== null) {
        again = true;
        return;
      }
      clearTimeout(timer);
      run();
    },
  };
}

/** What keeps answers from coming, by a poller's state: null, or {sinceMs, error}, where `sinceMs` is the last good
 *  answer's time (null: there was none) and `error` the last failure (null: a first request hangs). All times are of
 *  this machine's clock. */
export function findTrouble({ failures, error, pendingSinceMs, lastSuccessMs }, nowMs) {
  const hanging = pendingSinceMs !== null && nowMs - pendingSinceMs > HANGING_MS;
  // One failure may be a passing hiccup; the second one, about two seconds later, is not.
  return failures >= 2 || hanging ? { sinceMs: lastSuccessMs, error } : null;
}
