// The members of the chosen universe.

import { make, setText } from "../admin/parts.js";

const MOST_ROWS = 500;

/** Whether a member is meant by what was typed: a part of its ticker, name or sector. */
export function isMeant({ symbol, name, sector }, typed) {
  const text = typed.trim().toLowerCase();
  // Some write a class of shares with a dash where the feed has a dot.
  if (symbol.toLowerCase().includes(text.replace("-", "."))) return true;
  return [name, sector].some((told) => (told ?? "").toLowerCase().includes(text));
}

/** How many are shown, in words. */
export function shownText(shown, meant, all) {
  const [few, some, many] = [shown, meant, all].map((count) => count.toLocaleString("en-US"));
  if (meant === all) return shown === all ? `${many} members` : `the first ${few} of ${many} members`;
  return shown === meant ? `${some} of ${many} members` : `the first ${few} of ${some} that match, of ${many} members`;
}

/** The table; `onRemove(symbol)` is called when a member is to be taken out. */
export function createMembers({ find, onRemove }) {
  let universe = null;

  function makeRow(member) {
    const row = document.createElement("tr");
    const ticker = row.appendChild(make("th", "", member.symbol));
    ticker.scope = "row";
    if (!member.active) ticker.append(" ", make("span", "inactive", "not traded any more"));
    const weight = member.weight === null ? "" : String(member.weight);
    for (const told of [member.name, member.sector, member.exchange]) row.append(make("td", "", told ?? ""));
    row.append(make("td", "number", weight));
    const button = make("button", "button", "Take out");
    button.type = "button";
    button.ariaLabel = `Take out ${member.symbol}`;
    button.addEventListener("click", () => onRemove(member.symbol));
    const cell = row.appendChild(make("td", "take-out"));
    if (universe.source === "group") cell.append(button);
    return row;
  }

  function draw() {
    const meant = universe.members.filter((member) => isMeant(member, find("filter").value));
    const shown = meant.slice(0, MOST_ROWS);
    find("members").replaceChildren(...shown.map(makeRow));
    setText(find("shown"), shownText(shown.length, meant.length, universe.members.length));
  }

  find("filter").addEventListener("input", () => universe && draw());

  return {
    show(told) {
      universe = told;
      draw();
    },
  };
}
