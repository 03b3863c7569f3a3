// The read API: requests with a time limit, and failures as sentences.

const TIMEOUT_MS = 10_000;
// A web server may refuse a request line beyond 4,094 bytes; this leaves room for path and parameters.
const MAX_SYMBOLS_LENGTH = 3500;
// The name of the universe that the service listens to.
export const LISTENING = "listening";
// So many symbols of a universe an answer has at most; the others are a page further.
export const PAGE_SYMBOLS = 1000;
// Changed bars of one symbol in an answer: more than a page that polls can have missed, and few when it slept.
const MAX_CHANGES = 10;
// Bars of one answer; what a chart keeps is less.
const MAX_BARS = 50_000;
const MAX_PATTERNS = 1_000;

/** A request that failed. `status` is 0 when no answer came at all, else the HTTP status. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Tell whether one URL carries the symbols' names. */
export function fitUrl(symbols) {
  return encodeURIComponent(symbols.join(",")).length <= MAX_SYMBOLS_LENGTH;
}

/** The API's questions; `clock` learns the server's time from every answer that tells it. */
export function createApi(clock, { fetch = window.fetch.bind(window), nowMs = Date.now } = {}) {
  async function ask(path, parameters = {}) {
    const sentMs = nowMs();
    const answer = await getJson(fetch, `${path}?${new URLSearchParams(parameters)}`);
    if (answer.server_time !== undefined) clock.observe(answer.server_time, sentMs, nowMs());
    return answer;
  }

  return {
    ask,
    status: () => ask("/api/status"),
    /** Which universes there are. */
    universes: () => ask("/api/universes"),
    /** The symbols of a scope, and which of them nobody listens to. Fails with status 404 when there is no such one. */
    members: ({ key, offset }) => ask(`/api/universes/${encodeURIComponent(key)}`, { offset }),
    /** The quotes of a scope: {key, offset}, the symbols of a universe from a place on, at most 1,000. */
    quotes: (scope) => ask("/api/quotes", parametersOf(scope)),
    /** The quotes of some symbols whose names fit a URL. */
    quotesOf: (symbols) => ask("/api/quotes", { symbols: symbols.join(",") }),
    /** Bars of one symbol, ascending, adjusted for splits: `symbol`, `timeframe`, and `from` and `to` in epoch ms, both
     *  included. Fails with status 404 when the symbol is not known. */
    bars: (question) => ask("/api/bars", { limit: MAX_BARS, ...question, adjusted: true }),
    /** The newest patterns of one symbol in bars of a timeframe, ascending. */
    patterns: (symbol, timeframe) => ask("/api/patterns/recent", { symbol, timeframe, limit: MAX_PATTERNS }),
    /** Which days trade. */
    calendar: () => ask("/api/calendar"),
    /** What came or was revised since `cursor` of a scope and, unless null, of the symbol `besides`, with the status,
     *  with what `view` ({query, tag}) asks of the market, unless null, and with patterns if they are wanted. */
    changes(scope, cursor, { besides, view, patterns }) {
      const symbols = besides === null ? {} : { symbols: besides };
      const market = view === null ? {} : { market: view.query, ...(view.tag === null ? {} : { market_tag: view.tag }) };
      const bars = { ...parametersOf(scope), ...symbols, cursor, limit: MAX_CHANGES, status: true };
      return ask("/api/ticks/recent", { ...bars, ...(patterns ? { patterns } : {}), ...market });
    },
  };
}

function parametersOf({ key, offset }) {
  return { universe: key, ...(offset > 0 || key !== LISTENING ? { offset } : {}) };
}

/** The JSON that is answered to a request; `options` are those of fetch. Fails with ApiError. */
export async function getJson(fetch, path, options = {}) {
  let response;
  let text;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
    text = await response.text();
  } catch {
    throw new ApiError("The server does not answer.", 0);
  }
  const answer = parse(text);
  if (!response.ok) throw new ApiError(answer?.error?.message ?? `HTTP status ${response.status}.`, response.status);
  if (answer === null) throw new ApiError("The answer was not readable.", response.status);
  return answer;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
