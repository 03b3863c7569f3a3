// The read API: requests with a time limit, and failures as sentences.

const TIMEOUT_MS = 10_000;
// A web server may refuse a request line beyond 4,094 bytes; this leaves room for path and parameters.
const MAX_SYMBOLS_LENGTH = 3500;

/** A request that failed. `status` is 0 when no answer came at all, else the HTTP status. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** Split symbols into lists whose joined, encoded length stays below what one URL carries. */
export function chunkSymbols(symbols, maxLength = MAX_SYMBOLS_LENGTH) {
  const chunks = [];
  let length = Infinity;
  for (const symbol of symbols) {
    const added = encodeURIComponent(symbol).length + 1;
    if (length + added > maxLength) {
      chunks.push([]);
      length = 0;
    }
    chunks.at(-1).push(symbol);
    length += added;
  }
  return chunks;
}

/** The API's questions; `clock` learns the server's time from every answer. */
export function createApi(clock, { fetch = window.fetch.bind(window), nowMs = Date.now } = {}) {
  async function ask(path) {
    const sentMs = nowMs();
    const answer = await getJson(fetch, path);
    clock.observe(answer.server_time, sentMs, nowMs());
    return answer;
  }

  return {
    status: () => ask("/api/status"),
    quotes: () => ask("/api/quotes"),

    /** The newest bars of one symbol, up to 1,000, ascending. Fails with status 404 when it is not known. */
    history: (symbol) => ask(`/api/ticks/recent?symbol=${encodeURIComponent(symbol)}&limit=1000`),

    /** The bars of some symbols from a moment on: in one request as long as one URL carries the symbols. */
    async since(symbols, sinceMs) {
      const answers = [];
      for (const chunk of chunkSymbols(symbols)) {
        const list = chunk.map(encodeURIComponent).join(",");
        answers.push(await unlessUnknown(ask(`/api/ticks/recent?symbols=${list}&since=${sinceMs}`)));
      }
      const serverTimes = answers.map((answer) => answer.server_time);
      return { ticks: answers.flatMap(({ ticks }) => ticks), server_time: Math.min(...serverTimes) };
    },
  };

  /** Before the first bar of a new database none of the symbols may be known: that is no failure. */
  async function unlessUnknown(asked) {
    try {
      return await asked;
    } catch (error) {
      if (error.status === 404) return { ticks: [], server_time: clock.nowMs() };
      throw error;
    }
  }
}

async function getJson(fetch, path) {
  let response;
  let text;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
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
