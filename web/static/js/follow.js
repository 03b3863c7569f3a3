// One question a turn feeds the whole page: first what a page needs to begin, then what changed since.

import { LISTENING, PAGE_SYMBOLS, fitUrl } from "./api.js";
import { tradingDayStartMs } from "./time.js";

const REQUOTE_INTERVAL_MS = 30_000;
// Until the first quotes come, as at a first start while history is loaded.
const FIRST_QUOTES_INTERVAL_MS = 3_000;

/** Follows the market. `scope()` is what is listed: {key, offset}, a universe from a place on; `views` (view_host.js) has
 *  its part in every poll. `on` is told of what came: `status(status)`, `members(members)` of the scope and
 *  `noMembers(message)` when there is no such universe, `universes(universes)`, which there are, and
 *  `change(serverTimeMs)` when a bar changed a row. `nowMs` is a clock for intervals. */
export function createFollower({ api, market, selection, scope, views, on, nowMs = Date.now }) {
  const wanted = { status: true, members: false, quotes: true, universes: true };
  let cursor = null;
  let universeChangedAt = null;
  let dayStartMs = null;
  let quotedMs = 0;
  let listIsOld = false;

  function next() {
    if (wanted.status) return loadStatus;
    if (wanted.members) return loadMembers;
    if (wanted.quotes) return loadQuotes;
    if (wanted.universes) return loadUniverses;
    // After the quotes: what changes from their cursor on, polls bring; so the history has to be younger.
    if (selection.isWanted()) return selection.load;
    return views.turn() ?? (isQuotingDue() ? quoteAgain : poll);
  }

  async function loadStatus() {
    const status = await api.status();
    wanted.status = false;
    universeChangedAt = status.universe.changed_at;
    const { symbols } = status.universe;
    wanted.members = scope().key !== LISTENING || scope().offset > 0 || symbols.length >= PAGE_SYMBOLS;
    if (!wanted.members) takeMembers({ count: symbols.length, offset: 0, symbols, unheard: [], unknown: [] });
    noteStatus(status);
  }

  async function loadMembers() {
    const asked = scope();
    try {
      const members = await api.members(asked);
      if (!isCurrent(asked)) return;
      wanted.members = false;
      takeMembers(members);
    } catch (error) {
      if (error.status !== 404 || !isCurrent(asked)) throw error;
      on.noMembers(error.message);
    }
  }

  function takeMembers(members) {
    market.setUniverse(members.symbols, members.unheard);
    on.members(members);
  }

  async function loadUniverses() {
    const { universes } = await api.universes();
    wanted.universes = false;
    on.universes(universes);
  }

  /** Whether what was asked for is still what is listed: its user may have turned to another meanwhile. */
  function isCurrent({ key, offset }) {
    return key === scope().key && offset === scope().offset;
  }

  async function loadQuotes() {
    const asked = scope();
    const answer = await api.quotes(asked);
    if (!isCurrent(asked)) return;
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
    const [listed, question] = [scope(), views.question()];
    const patterns = selection.hasPatterns();
    const answer = await api.changes(listed, cursor, { besides, view: question, patterns });
    if (question !== null) views.take(answer.market, question);
    if (!isCurrent(listed)) return;
    if (answer.reset || answer.more) startAnew();
    else {
      cursor = answer.cursor;
      listIsOld ||= answer.ticks.some(({ symbol }) => symbol !== besides && !market.rows.has(symbol));
      if (market.applyTicks(answer, dayStartMs)) on.change(answer.server_time);
      selection.follow(answer);
    }
    noteStatus(answer.status);
  }

  /** One answer with all there is costs less than many with a part of what changed. */
  function startAnew() {
    cursor = null;
    wanted.quotes = true;
    selection.loadAgain();
  }

  /** The close of the day before, and its bar as the vendor has it, are known by now. */
  function startDay() {
    wanted.quotes = true;
    selection.loadAgain();
  }

  function noteStatus(status) {
    const startMs = tradingDayStartMs(status.session.date, status.server_time);
    if (status.universe.changed_at !== universeChangedAt) wanted.status = wanted.quotes = true;
    if (startMs !== dayStartMs) startDay();
    dayStartMs = startMs;
    on.status(status);
  }

  return {
    /** Ask the next question. Fails with ApiError, and then asks the same again the next time. */
    turn: () => next()(),
    /** Turn to another scope; what was listed is let go at once. */
    turnTo() {
      market.setUniverse([]);
      cursor = null;
      wanted.status = wanted.quotes = true;
      selection.loadAgain();
    },
    /** Tell whether the page has what it needs to begin, and the next turn asks for changes. */
    isFollowing: () => !Object.values(wanted).includes(true) && !selection.isWanted(),
  };
}
