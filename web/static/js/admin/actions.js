// What an administrator can do about connections and gaps: the questions that are asked first, and what came of it.

import { count, labelOf, tickersText } from "./words.js";

/** What is asked before an action: {title, text, confirmText}. */
export function questionFor(action, connection, isAlone) {
  const { movable } = connection;
  const tickers = movable ? `its ${tickersText(connection)}` : tickersText(connection);
  const questions = {
    reconnect: ["Reconnect", `It leaves the feed and connects anew: ${tickers} may miss the seconds until it is back.`],
    pause: ["Pause", pauseText(tickers, movable, isAlone)],
    resume: ["Resume", "It connects to the feed again, and takes its own tickers back once it has stayed up."],
  };
  const [verb, text] = questions[action];
  return { title: `${verb} ${labelOf(connection)}?`, text, confirmText: verb };
}

function pauseText(tickers, movable, isAlone) {
  const leaves = "It leaves the feed until it is resumed or ingestion is started anew.";
  if (isAlone || !movable) return `${leaves} No bars arrive for ${tickers} until then.`;
  return `${leaves} The other connections take ${tickers}, as far as they have room.`;
}

/** Which connections can take a ticker of `connectionId`: [{id, text}], the emptiest first. */
export function targetsFor(connections, connectionId) {
  const canTake = connections.filter(
    ({ connection_id: id, movable, status, paused }) =>
      id !== connectionId && movable && status === "connected" && !paused,
  );
  canTake.sort((a, b) => a.ticker_count / a.ticker_limit - b.ticker_count / b.ticker_limit);
  return canTake.map((connection) => {
    const { connection_id: id, ticker_count: tickers, ticker_limit: limit } = connection;
    return { id, text: `${labelOf(connection)}: ${tickers} of ${limit} tickers` };
  });
}

/** Whether tickers of a connection can be moved by hand. */
export function canMoveFrom(connections, connection) {
  const others = connections.filter(({ enabled, movable }) => enabled && movable);
  return connection.enabled && connection.movable && connection.ticker_count > 0 && others.length > 1;
}

/** What is asked before gaps are repaired: {title, text, confirmText}; `gapText` names one, null means all. */
export function questionForRepair(gapText, repair) {
  const what = gapText === null ? "all gaps" : "this gap";
  const rate = repair === null ? "" : `: ${count(repair.rate_per_minute, "request")} a minute`;
  const text = `What waits is asked for before its time, as fast as the rate allows${rate}.`;
  return { title: `Repair ${what} now?`, text: gapText === null ? text : `${gapText}. ${text}`, confirmText: "Repair" };
}

/** The actions; `dialog` asks, `getState` gives the state, `tell(connectionId, text, isError)` says what came of one on
 *  a connection and `tellRepair(text, isError)` of a repair; `onDone` is called when something was done. */
export function createActions({ dialog, requests, getState, tell, tellRepair, onDone }) {
  function connectionOf(id) {
    return getState().status.connections.find(({ connection_id: other }) => other === id);
  }

  /** Ask the server: {isDone, message}. What was done is told where it was asked, a refusal by the dialog. */
  async function run(tellHere, request) {
    try {
      const { message } = await request();
      tellHere(message, false);
      onDone();
      return { isDone: true, message };
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      return { isDone: false, message: error.status === 401 ? "Your session has ended: log in again." : error.message };
    }
  }

  const at = (connectionId) => (text, isError) => tell(connectionId, text, isError);

  return {
    /** Have a gap ({id}, and its name in words) repaired now; null: all of them. */
    repair(gap, gapText) {
      const question = questionForRepair(gapText, getState().status?.repair ?? null);
      const request = () => requests.repair(gap?.id ?? null);
      dialog.ask({ ...question, fields: null, run: () => run(tellRepair, request) });
    },
    control(connectionId, action) {
      const isAlone = getState().status.connections.filter(({ enabled }) => enabled).length === 1;
      const question = questionFor(action, connectionOf(connectionId), isAlone);
      const request = () => requests.control(connectionId, action);
      dialog.ask({ ...question, fields: null, run: () => run(at(connectionId), request) });
    },
    /** Move a ticker of a connection; null: the dialog asks which. */
    move(connectionId, ticker) {
      const { status, carried } = getState();
      const targets = targetsFor(status.connections, connectionId);
      if (targets.length === 0) {
        tell(connectionId, "No other connection can take a ticker now: none is connected.", true);
        return;
      }
      dialog.ask({
        title: ticker === null ? `Move a ticker from ${labelOf(connectionOf(connectionId))}` : `Move ${ticker}?`,
        text: "It stays where you move it until that connection is lost or ingestion is started anew.",
        confirmText: "Move",
        fields: { ticker, tickers: carried[connectionId] ?? [], targets },
        run: ({ ticker: chosen, target }) => run(at(connectionId), () => requests.move(chosen, target)),
      });
    },
  };
}
