// One connection's column: its condition, figures, notes, actions and tickers.

import { NOT_KNOWN, formatAge, formatExact } from "../format.js";
import { setText } from "../status.js";
import { conditionWord, formatRate, formatSpan, kindsText, listed, momentText } from "./words.js";
import { partsOf, setAttribute } from "./parts.js";
import { rateArea, ratePoints, rateRange } from "./rates.js";
import { carriersOf, labelIn } from "./state.js";
import { createTickerList } from "./ticker_list.js";

/** What is behind the number of tickers: "20 of its own with connection_1, 30 of others; room for 500". */
export function tickersAside(connection, state) {
  const { connection_id: id, lent, borrowed, ticker_limit: limit, movable, own_ticker_count: own } = connection;
  if (!movable) return "cannot be moved";
  const carriers = listed(carriersOf(state, id).map(([carrier]) => labelIn(state, carrier)));
  const parts = [`${formatExact(own)} of its own`];
  if (lent > 0) parts.push(`${formatExact(lent)} lent to ${carriers || "others"}`);
  if (borrowed > 0) parts.push(`${formatExact(borrowed)} borrowed`);
  return `${parts.join(", ")}; room for ${formatExact(limit)}`;
}

/** A column for a connection, made of #connection-template. `actions` has control(connectionId, action) and
 *  move(connectionId, ticker or null), which ask before they do something. */
export function createConnectionCard(connectionId, prices, actions) {
  const element = document.getElementById("connection-template").content.firstElementChild.cloneNode(true);
  const parts = partsOf(element);
  const buttons = Object.fromEntries([...element.querySelectorAll("[data-action]")].map((b) => [b.dataset.action, b]));
  const list = createTickerList(element, prices, (ticker) => actions.move(connectionId, ticker));
  element.dataset.connection = connectionId;
  parts.name.id = `${connectionId}-name`;
  parts["list-title"].id = `${connectionId}-tickers`;
  element.setAttribute("aria-labelledby", parts.name.id);
  parts.scroller.setAttribute("aria-labelledby", parts["list-title"].id);
  element.querySelector("table").setAttribute("aria-labelledby", parts["list-title"].id);

  for (const action of ["reconnect", "pause", "resume"]) {
    buttons[action].addEventListener("click", () => actions.control(connectionId, action));
  }
  buttons.move.addEventListener("click", () => actions.move(connectionId, null));

  function showCondition({ name, condition, reason, granted, enabled }) {
    setText(parts.name, name);
    setText(parts.id, name === connectionId ? "" : connectionId);
    setText(parts.word, conditionWord(condition));
    setText(parts.reason, reason);
    setAttribute(element, "data-condition", condition);
    element.classList.toggle("resting", !enabled || !granted);
  }

  function showFigures(connection, state) {
    setText(parts.rate, formatRate(connection.messages_per_second));
    setAttribute(parts["rate-line"], "points", ratePoints(connection.rates));
    setAttribute(parts["rate-area"], "d", rateArea(connection.rates));
    setText(parts["rate-range"], rateRange(connection.rates));
    setText(parts.tickers, connection.movable ? formatExact(connection.ticker_count) : "The whole market");
    setText(parts["tickers-aside"], tickersAside(connection, state));
    const share = connection.movable ? Math.min(1, connection.ticker_count / connection.ticker_limit) : 1;
    parts.meter.style.setProperty("--share", share.toFixed(3));
    setText(parts.reconnects, formatExact(connection.reconnect_count));
    setText(parts.messages, formatExact(connection.message_count));
    setText(parts.errors, formatExact(connection.error_count));
    setText(parts["errors-aside"], kindsText(connection.errors_by_kind) || "none");
    setText(parts.address, connection.url ?? NOT_KNOWN);
    showTopics(connection);
    showSilent(connection.silent_topics);
  }

  function showTopics({ acknowledged_topics: confirmed, wanted_topics: wanted, missing_topics: missing }) {
    setText(parts.topics, `${formatExact(confirmed)} of ${formatExact(wanted)}`);
    const more = wanted - confirmed > missing.length ? " and others" : "";
    setText(parts.missing, missing.join(", ") + more);
    parts["missing-box"].hidden = missing.length === 0;
  }

  /** Acknowledged, and yet nothing came of them in 15 minutes of regular session: thinly traded, or no such ticker. */
  function showSilent(topics) {
    setText(parts.silent, topics.map((topic) => topic.slice(topic.indexOf(".") + 1)).join(", "));
    parts["silent-box"].hidden = topics.length === 0;
  }

  function showActions({ enabled, paused, movable, granted }, canMove) {
    const focused = document.activeElement;
    buttons.reconnect.hidden = !enabled || paused;
    buttons.pause.hidden = !enabled || paused || !granted;
    buttons.resume.hidden = !enabled || !paused;
    buttons.move.hidden = !canMove;
    parts.fixed.hidden = movable;
    // A button that is hidden loses the focus.
    if (Object.values(buttons).includes(focused) && focused.hidden) {
      element.querySelector("[data-action]:not([hidden])")?.focus();
    }
  }

  return {
    element,
    /** Show a connection as `state` has it, but for its tickers. */
    show(connection, state, canMove) {
      showCondition(connection);
      showFigures(connection, state);
      showActions(connection, canMove);
      setText(parts["list-title"], `Tickers carried by ${connection.name}`);
    },
    arrange: list.arrange,
    draw: list.draw,
    /** Let ages go on; `nowMs` is the server's clock. */
    tick(connection, nowMs) {
      const { last_message_time: lastMs, connected_at: connectedMs } = connection;
      setText(parts.age, lastMs === null ? NOT_KNOWN : `${formatAge(nowMs - lastMs)} ago`);
      parts.age.title = lastMs === null ? "" : `${momentText(lastMs, nowMs)} New York`;
      setText(parts.uptime, connectedMs === null ? NOT_KNOWN : formatSpan(Math.max(1000, nowMs - connectedMs)));
      parts.uptime.title = connectedMs === null ? "" : `since ${momentText(connectedMs, nowMs)} New York`;
    },
    /** Tell what came of an action. */
    tell(text, isError) {
      setText(parts.result, text);
      parts.result.classList.toggle("failed", isError);
    },
  };
}

