// One question a turn feeds the whole page: first what a page needs to begin, then what changed since.

import { fitUrl } from "./api.js";
import { tradingDayStartMs } from "./time.js";

const REQUOTE_INTERVAL_MS = 30_000;
// Until the first quotes come, as at a first start while history is loaded.
const FIRST_QUOTES_INTERVAL_MS = 3_000;

/** Follows the market. `views` (view_host.js) has its part in every poll; `onStatus(status)` is told of every status,
 *  `onChange(serverTimeMs)` when a bar changed a row, `nowMs` is a clock for intervals. */
export function createFollower({ api, market, selection, views, onStatus, onChange, nowMs = Date.now }) {
  const wanted = { status: true, quotes: true };
  let cursor = null;
  let universeChangedAt = null;
  let dayStartMs = null;
  let quotedMs = 0;
  let listIsOld = false;

  function next() {
    if (wanted.status) return loadStatus;
    if (wanted.quotes) return loadQuotes;
    // After the quotes: what changes from their cursor on, polls bring; so the history has to be younger.
    if (selection.isWanted()) return selection.load;
    return isQuotingDue() ? quoteAgain : poll;
  }

  async function loadStatus() {
    const status = await api.status();
    wanted.status = false;
    universeChangedAt = status.universe.changed_at;
    market.setUniverse(status.universe.symbols);
    noteStatus(status);
  }

  async function loadQuotes() {
    const answer = await api.quotes();
    wanted.quotes = false;
    listIsOld = false;
    quotedMs = nowMs();
    market.replaceQuotes(answer);
    // An older cursor is kept, as it leads on for the chart too.
    cursor ??= answer.cursor;
  }

  function isQuotingDue() {
    const intervalMs = market.isQuoted() ? REQUOTE_INTERVAL_MS : FIRST_QUOTES_INTERVAL_MS;
    return (listIsOld || market.staleSymbols().length > 0) && nowMs() - quotedMs >= intervalMs;
  }

  async function quoteAgain() {
    const symbols = market.staleSymbols();
    if (listIsOld) {
      await loadStatus();
      wanted.quotes = true;
    } else if (fitUrl(symbols)) {
      market.mergeQuotes(await api.quotesOf(symbols));
      quotedMs = nowMs();
    } else await loadQuotes();
  }

  async function poll() {
    const besides = selection.unlisted();
    const asked = views.question();
    const answer = await api.changes(cursor, besides, asked);
    if (answer.reset || answer.more) startAnew();
    else {
      cursor = answer.cursor;
      listIsOld ||= answer.ticks.some(({ symbol }) => symbol !== besides && !market.rows.has(symbol));
      if (market.applyTicks(answer, dayStartMs)) onChange(answer.server_time);
      selection.follow(answer.ticks);
    }
    if (asked !== null) views.take(answer.market, asked);
    noteStatus(answer.status);
  }

  /** One answer with all there is costs less than many with a part of what changed. */
  function startAnew() {
    cursor = null;
    wanted.quotes = true;
    selection.loadAgain();
  }

  function noteStatus(status) {
    const startMs = tradingDayStartMs(status.session.date, status.server_time);
    if (status.universe.changed_at !== universeChangedAt) wanted.status = wanted.quotes = true;
    if (startMs !== dayStartMs) wanted.quotes = true;
    dayStartMs = startMs;
    onStatus(status);
  }

  return {
    /** Ask the next question. Fails with ApiError, and then asks the same again the next time. */
    turn: () => next()(),
    /** Tell whether the page has what it needs to begin, and the next turn asks for changes. */
    isFollowing: () => !wanted.status && !wanted.quotes && !selection.isWanted(),
  };
}
