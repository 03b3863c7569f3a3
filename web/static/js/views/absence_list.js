// Why figures are absent, below a table: closed at first, one line for each reason.

import { setText } from "../status.js";
import { make } from "./elements.js";
import { absenceText, absences } from "./rankings_words.js";

/** The list: `element`, and `show({rows: [{symbol, figures, absent}], columns: [{name, label}], reasons})`. */
export function createAbsenceList() {
  const summary = make("summary");
  const list = make("ul");
  const element = make("details", { className: "absence-list", hidden: true }, summary, list);
  return {
    element,
    show(answer) {
      const groups = absences(answer);
      const count = groups.reduce((sum, group) => sum + group.count, 0);
      element.hidden = count === 0;
      setText(summary, count === 1 ? "Why one figure is absent" : `Why ${count} figures are absent`);
      const texts = groups.map(absenceText);
      if (texts.join() === [...list.children].map(({ textContent }) => textContent).join()) return;
      list.replaceChildren(...texts.map((textContent) => make("li", { textContent })));
    },
  };
}
