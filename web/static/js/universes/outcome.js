// What came of a change, as the server tells it.

import { make } from "../admin/parts.js";

const MOST_PROBLEMS = 200;

/** What is to be shown of an outcome: {headline, problems, lines}. `isTrial`: nothing was to be applied. */
export function describe(outcome, isTrial) {
  const changed = outcome.changes.filter(({ words }) => !words.endsWith(" stays as it is.")).map(({ words }) => words);
  const count = outcome.problem_count;
  const wrong = count === 1 ? "1 problem" : `${count.toLocaleString("en-US")} problems`;
  let headline = outcome.message;
  if (isTrial) headline = changed.length ? "This would change:" : "This would change nothing.";
  if (count > 0) headline = `${wrong}. ${headline}`;
  const problems = outcome.problems.slice(0, MOST_PROBLEMS).map(({ where, text }) => `${where}: ${text}`);
  if (count > problems.length) problems.push(`and ${(count - problems.length).toLocaleString("en-US")} more`);
  return { headline, problems, lines: outcome.applied || isTrial ? [...changed, ...outcome.notes] : outcome.notes };
}

/** Show an outcome in an element. */
export function showOutcome(element, outcome, isTrial = false) {
  const { headline, problems, lines } = describe(outcome, isTrial);
  show(element, headline, outcome.problem_count > 0, [...problems, ...lines]);
}

/** Show a failure in an element. */
export function showFailure(element, error) {
  show(element, error.status === 401 ? "Your session has ended: log in again." : error.message, true, []);
}

function show(element, headline, isBad, lines) {
  const list = make("ul", "outcome-lines");
  list.replaceChildren(...lines.map((line) => make("li", "", line)));
  element.dataset.level = isBad ? "bad" : "ok";
  element.replaceChildren(make("p", "outcome-headline", headline), ...(lines.length ? [list] : []));
}
