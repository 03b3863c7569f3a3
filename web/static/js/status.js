// Header, banner and footer: the feed's condition, the clock and the age of the data, as text.

import { NOT_KNOWN, formatAge } from "./format.js";
import { formatClock, formatDay, formatMinute } from "./time.js";

const PHASES = { pre: "Pre-market", regular: "Regular session", post: "After hours", closed: "Closed" };

/** Set an element's text only where it differs, so that screen readers and layout are left in peace. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The parts of the page that speak of the feed as a whole. */
export function createStatusView(find = (id) => document.getElementById(id)) {
  return {
    /** Show a judgement of condition.js; what is stale is dimmed and says so. */
    showAssessment({ condition, word, reason, level, banner }) {
      find("condition").dataset.condition = condition;
      setText(find("condition-word"), word);
      setText(find("condition-reason"), reason);
      find("banner").dataset.level = level;
      find("banner").hidden = banner === null;
      setText(find("banner-headline"), banner?.headline ?? "");
      setText(find("banner-detail"), banner?.detail ?? "");
      find("banner-login").hidden = !banner?.login;
      find("board").classList.toggle("stale", banner !== null);
    },

    /** Show an answer of /api/status. */
    showStatus(status) {
      // Before the first start of ingestion no feed is known: what the page came with then stands.
      if (status.feed.name !== null) find("simulated").hidden = !status.feed.simulated;
      setText(find("session"), PHASES[status.session.phase] ?? status.session.phase);
      setText(find("feed-facts"), feedFacts(status));
      const gaps = gapsNotice(status.gaps);
      setText(find("gaps-notice"), gaps);
      find("gaps-notice").hidden = gaps === "";
    },

    /** Let the clock and the age of the newest data go on; `newestDataMs` may be null. */
    tick(nowMs, newestDataMs) {
      setText(find("clock"), formatClock(nowMs));
      setText(find("clock-date"), formatDay(nowMs));
      setText(find("data-age"), newestDataMs === null ? NOT_KNOWN : `${formatAge(nowMs - newestDataMs)} ago`);
    },
  };
}

/** One line about the connection: "Feed simulated: connected, 1,234 messages, 1 reconnect". */
export function feedFacts({ feed, connection }) {
  if (connection === null) return "No feed has reported yet";
  const facts = [
    connection.status,
    count(connection.messages, "message"),
    count(connection.reconnects, "reconnect"),
  ];
  if (connection.missing_topics.length) facts.push(`${count(connection.missing_topics.length, "topic")} not confirmed`);
  return `Feed ${feed.name}: ${facts.join(", ")}`;
}

/** "3 gaps are being repaired, until about 10:45": minutes of before of which something may be missing; "" for none.
 *  `gaps` is of the status, null where that does not tell. */
export function gapsNotice(gaps) {
  if (gaps === null || gaps.open === 0) return "";
  const end = gaps.empty_at === null ? "" : `, until about ${formatMinute(gaps.empty_at)}`;
  return `${count(gaps.open, "gap")} ${gaps.open === 1 ? "is" : "are"} being repaired${end}`;
}

function count(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
