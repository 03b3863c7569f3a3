// How the page stays current: live messages, and questions where these do not come. No DOM here.

import { createPoller, findTrouble } from "../poll.js";

// What messages do not bring (reconnects, errors by kind, answers) is asked for this often while they come.
const RESYNC_INTERVAL_MS = 10_000;
const POLL_INTERVAL_MS = 2_000;
const SILENCE_MS = 3_000;
const STALE_MS = 5_000;
// A page that nobody sees leaves the messages to others, and asks as seldom as the poller does then.
const HIDDEN_GRACE_MS = 10_000;
// A server that refused, or ended, a connection is not asked for one with each question.
const REFUSED_RETRY_MS = 10_000;
const MESSAGES = ["status_update", "metrics_update", "summary_update", "tick_update", "event_update", "gaps_update"];

/** Connects `socket` (socket.io's, not connected yet) and asks `requests`. `on` has a function for each message, by its
 *  name, and `load({status, events, tickers, gaps})` for answers, of which a smaller one has the status alone; `onChange` is
 *  called when `report()` may have changed. */
export function createLink({ socket, requests, on, onChange, nowMs = Date.now }) {
  let wantsAll = true;
  let dataMs = null;
  let offlineSinceMs = nowMs();
  let refusal = null;
  let triedMs = nowMs();
  let hiddenTimer = null;
  let meanwhile = null; // the messages since a question that is not answered yet
  const poller = createPoller({ task: ask, intervalMs, onChange });

  function intervalMs() {
    return socket.connected ? RESYNC_INTERVAL_MS : POLL_INTERVAL_MS;
  }

  async function ask() {
    const isWhole = wantsAll || !socket.connected;
    wantsAll = false;
    meanwhile = [];
    try {
      on.load(isWhole ? await loadAll() : { status: await requests.status() });
      // Messages that overtook the answer are the news: what it says may be of before them.
      for (const [message, content] of meanwhile) on[message](content);
    } catch (error) {
      wantsAll ||= isWhole;
      throw error;
    } finally {
      meanwhile = null;
    }
    dataMs = nowMs();
    reviveSocket();
  }

  async function loadAll() {
    const names = ["status", "events", "tickers", "gaps"];
    const answers = await Promise.all(names.map((name) => requests[name]()));
    return Object.fromEntries(names.map((name, i) => [name, answers[i]]));
  }

  /** After a refusal the library does not try again by itself. */
  function reviveSocket() {
    if (socket.active || document.hidden || nowMs() - triedMs < REFUSED_RETRY_MS) return;
    triedMs = nowMs();
    socket.connect();
  }

  function loadAgain() {
    wantsAll = true;
    poller.now();
  }

  function noteOffline(why) {
    refusal = why;
    triedMs = nowMs();
    if (offlineSinceMs === null) {
      offlineSinceMs = nowMs();
      setTimeout(() => {
        if (!socket.connected && !document.hidden) poller.now();
      }, SILENCE_MS);
    }
    onChange();
  }

  function attend(message) {
    socket.on(message, (content) => {
      dataMs = nowMs();
      meanwhile?.push([message, content]);
      on[message](content);
      // Who carries what may have changed with it.
      if (message === "status_update") loadAgain();
    });
  }

  function onVisibility() {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(() => socket.disconnect(), HIDDEN_GRACE_MS);
    else if (!socket.connected) {
      offlineSinceMs = triedMs = nowMs();
      socket.connect();
      loadAgain();
    }
  }

  return {
    start() {
      MESSAGES.forEach(attend);
      socket.on("connect", () => {
        offlineSinceMs = refusal = null;
        loadAgain();
        onChange();
      });
      socket.on("disconnect", (reason) => {
        noteOffline(null);
        // The server ends the connections of a session that ended: the answer to a question tells.
        if (reason === "io server disconnect") poller.now();
      });
      // An error of the transport is no sentence for people; what the server says is.
      socket.on("connect_error", (error) => noteOffline(error.type === "TransportError" ? null : error.message));
      document.addEventListener("visibilitychange", onVisibility);
      window.addEventListener("online", () => poller.now());
      socket.connect();
      poller.now();
    },
    loadAgain,
    /** How current the page is: what judgeLink takes, `dataMs` by this machine's clock, and `isLive`. */
    report() {
      const now = nowMs();
      const { error } = poller.state;
      const staleMs = dataMs === null ? 0 : now - dataMs;
      const isPolling = !socket.connected && now - (offlineSinceMs ?? now) >= SILENCE_MS;
      return {
        error, isUnreachable: findTrouble(poller.state, now) !== null, isPolling, refusal, dataMs, staleMs,
        isStale: staleMs > STALE_MS, isLive: socket.connected,
      };
    },
  };
}
