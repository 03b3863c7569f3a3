// What stands above the columns: whether every bar arrives, the totals, the answers, and how current the page is.

import { formatExact } from "../format.js";
import { setText } from "../status.js";
import { formatClock, formatDay } from "../time.js";
import { make, setAttribute, showEach } from "./parts.js";
import { formatLatency, formatRate } from "./words.js";

const PHASES = { pre: "Pre-market", regular: "Regular session", post: "After hours", closed: "Closed" };
const SIGNS = { true: ["✓", "yes"], false: ["✗", "no"], null: ["?", "not known"] };
const TITLES = { ok: "✓", warn: "!", bad: "✗", idle: "" };

/** The parts of the page that `find` gives by id. */
export function createOverview(find) {
  function showTotals({ summary, pipeline, connections }) {
    const rate = connections.reduce((sum, { messages_per_second: perSecond }) => sum + perSecond, 0);
    const isAll = connections.some(({ enabled, movable }) => enabled && !movable);
    setText(find("total-connections"), `${summary.connected_count} of ${summary.enabled_count} connected`);
    setText(find("total-tickers"), isAll ? "the whole market" : formatExact(summary.total_tickers));
    setText(find("total-rate"), formatRate(rate));
    setText(find("total-messages"), formatExact(summary.total_ticks_received));
    setText(find("total-errors"), formatExact(summary.total_errors));
    setText(find("latency-p50"), formatLatency(pipeline.event_to_commit_ms.p50));
    setText(find("latency-p99"), formatLatency(pipeline.event_to_commit_ms.p99));
    setText(find("waiting-bars"), formatExact(pipeline.waiting_bars));
  }

  return {
    /** Show a status. */
    showStatus(status) {
      showTotals(status);
      setText(find("session"), PHASES[status.session.phase] ?? status.session.phase);
      // Before the first start of ingestion no feed is known: what the page came with then stands.
      if (status.feed.name !== null) find("simulated").hidden = !status.feed.simulated;
      showEach(find("answers"), status.answers, createAnswer, showAnswer);
    },
    /** Show a judgement of verdict.js. */
    showVerdict({ level, headline, notes }) {
      setAttribute(find("verdict"), "data-level", level);
      setText(find("verdict-headline"), headline);
      showEach(find("verdict-notes"), notes, createNote, showNote);
      find("verdict-notes").hidden = notes.length === 0;
    },
    /** Show what keeps the page from being current (null: nothing), and the way it is kept so. */
    showLink(trouble, { isLive, isPolling }) {
      find("banner").hidden = trouble === null;
      find("banner").dataset.level = trouble?.level ?? "";
      setText(find("banner-headline"), trouble?.headline ?? "");
      setText(find("banner-detail"), trouble?.detail ?? "");
      find("banner-login").hidden = !trouble?.isEnded;
      find("admin").classList.toggle("stale", trouble?.isStale ?? false);
      const [mode, word] = trouble?.isStale ? ["stale", "not current"] : howCurrent(isLive, isPolling);
      find("updates").dataset.mode = mode;
      setText(find("updates"), word);
    },
    /** Let the clock go on; `nowMs` is the server's. */
    tick(nowMs) {
      setText(find("clock"), formatClock(nowMs));
      setText(find("clock-date"), formatDay(nowMs));
    },
  };
}

function howCurrent(isLive, isPolling) {
  if (isLive) return ["live", "live"];
  return isPolling ? ["polling", "asks every 2 s"] : ["starting", "connects"];
}

/** The tab's title: a sign and the headline, so that a tab in the background tells too. */
export function titleText({ level, headline }, simulatedLabel) {
  return [`${TITLES[level]} ${headline}`.trim(), ...simulatedLabel, "TickStock"].join(" · ");
}

function createAnswer() {
  const answer = make("div", "answer");
  answer.append(make("dt", ""), make("dd", ""));
  const sign = answer.children[0].appendChild(make("span", "answer-sign"));
  sign.append(make("span", ""), make("span", "visually-hidden"));
  sign.firstChild.ariaHidden = "true";
  answer.children[0].append(make("span", "answer-question"));
  return answer;
}

function showAnswer(element, { question, answer, ok }) {
  const [sign, spoken] = SIGNS[ok];
  setAttribute(element, "data-ok", String(ok));
  const [signElement, questionElement] = element.children[0].children;
  setText(signElement.children[0], sign);
  setText(signElement.children[1], `${spoken}: `);
  setText(questionElement, question);
  setText(element.children[1], answer);
}

function createNote() {
  const note = make("li", "note");
  note.append(make("p", "note-text"), make("p", "note-advice"));
  return note;
}

function showNote(element, { level, text, advice }) {
  setAttribute(element, "data-level", level);
  setText(element.children[0], text);
  setText(element.children[1], advice);
}
