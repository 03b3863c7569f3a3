// What the views of the market's state share: their question, and a head that tells of what, and of when, they speak.

import { formatExact } from "../format.js";
import { setText } from "../status.js";
import { formatDay, formatMinute } from "../time.js";
import { make } from "./elements.js";

const ISO_DATE = /^\d{4}-\d\d-\d\d$/;

/** The question of a view: the chosen universe and date, and its own parameters, of which null ones are left out. */
export function marketQuery(view, context, parameters = {}) {
  const all = { universe: context.universe(), as_of: chosenDate(context), ...parameters };
  return `${view}?${new URLSearchParams(Object.entries(all).filter(([, value]) => value !== null))}`;
}

function chosenDate({ url }) {
  const date = url.get("as_of");
  return date !== null && ISO_DATE.test(date) ? date : null;
}

/** Whose data these are: "498 of 503 symbols of sp500 have data"; the universe that is listened to has no name. */
export function coverageText({ universe, members, with_data: withData }) {
  const symbols = members === 1 ? "symbol" : "symbols";
  const of = universe === "listening" ? "that are listened to" : `of ${universe}`;
  return `${formatExact(withData)} of ${formatExact(members)} ${symbols} ${of} have data`;
}

/** When they are from: "Fri 20 Nov, 10:31 New York, not settled yet". */
export function timeText({ date, data_time: timeMs, provisional }) {
  if (timeMs === null) return date === null ? "No day is stored." : `Of ${date}`;
  const time = `${formatDay(timeMs)} ${new Date(timeMs).getUTCFullYear()}, ${formatMinute(timeMs)} New York`;
  return provisional ? `${time}, not settled yet` : time;
}

/** The head of a view: `element`, and `show(body)`, which tells whether the answer holds more than a reason why there
 *  is none. The date that is chosen in it is shared by all views, in the URL. */
export function createMarketHead({ context, title }) {
  const coverage = make("span");
  const time = make("span");
  const notes = make("ul", { className: "market-notes", hidden: true });
  const message = make("p", { className: "view-message", role: "status", textContent: "Waiting for the first answer." });
  const date = make("input", { type: "date" });
  const today = make("button", { type: "button", textContent: "Now" });
  const choice = make("span", { className: "market-date" }, make("label", {}, "As of ", date), today);
  const facts = make("p", { className: "market-facts" }, coverage, time);
  const element = make(
    "header", { className: "market-head" }, make("h2", { textContent: title }), facts, choice, notes, message,
  );

  date.addEventListener("change", () => context.url.set({ as_of: date.value || null }));
  today.addEventListener("click", () => context.url.set({ as_of: null }));
  showDate();

  function showDate() {
    // What is being typed is left alone.
    if (document.activeElement !== date) date.value = chosenDate(context) ?? "";
    today.hidden = chosenDate(context) === null;
  }

  return {
    element,
    show(body) {
      const reason = body.error?.message ?? body.pending ?? "";
      showDate();
      setText(message, reason);
      message.hidden = reason === "";
      // What was said of an earlier question does not hold for one that failed.
      if (body.error !== undefined) facts.hidden = notes.hidden = true;
      if (reason !== "") return false;
      facts.hidden = false;
      setText(coverage, coverageText(body));
      setText(time, timeText(body));
      facts.classList.toggle("provisional", body.provisional);
      const texts = [...body.notes, ...unknownTexts(body.unknown)];
      notes.replaceChildren(...texts.map((text) => make("li", { textContent: text })));
      notes.hidden = texts.length === 0;
      return true;
    },
  };
}

function unknownTexts(unknown) {
  return unknown.length ? [`Nothing is called ${unknown.join(", ")}.`] : [];
}
