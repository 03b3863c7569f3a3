// The gaps: what is open first, then what was closed. A row stays with its gap, and so does the focus.

import { formatExact } from "../format.js";
import { canRepair, minutesText, progressText, reasonWord, stateWord, whenText, whomText } from "./gap_words.js";
import { make, makeCell, setAttribute, setText } from "./parts.js";

const COLUMNS = ["minutes", "whom", "why", "state", "done", "repaired", "when", "act"];
const TONES = { open: "warn", waiting: "plain", repaired: "good", unrepairable: "bad" };

/** The table's body; `empty` is shown while there is no gap, `onRepair(gap, text)` is called with a gap and its name in
 *  words. */
export function createGapTable({ body, empty, onRepair }) {
  const rows = new Map();
  let shown = [];
  let namesShown = {};
  let nowShownMs = 0;

  body.addEventListener("click", ({ target }) => {
    const id = target.closest("button")?.closest("tr").dataset.gap;
    const gap = shown.find((other) => other.id === id);
    if (gap !== undefined) onRepair(gap, nameOf(gap, namesShown, nowShownMs));
  });

  function place() {
    const wanted = shown.map(({ id }) => rows.get(id));
    if (wanted.length === body.rows.length && wanted.every((row, i) => row === body.rows[i])) return;
    const focused = document.activeElement;
    body.replaceChildren(...wanted);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }

  return {
    /** Show gaps; `names` has connections' names by id, `nowMs` is the server's clock. */
    show(gaps, names, nowMs) {
      [shown, namesShown, nowShownMs] = [gaps, names, nowMs];
      const ids = new Set(gaps.map(({ id }) => id));
      for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
      for (const gap of gaps) {
        if (!rows.has(gap.id)) rows.set(gap.id, createRow(gap.id));
        showGap(rows.get(gap.id), gap, names, nowMs);
      }
      place();
      empty.hidden = gaps.length > 0;
    },
  };
}

function nameOf(gap, names, nowMs) {
  return `${minutesText(gap, nowMs)}, ${whomText(gap, names)}`;
}

function createRow(id) {
  const row = make("tr", "");
  row.role = "row";
  row.dataset.gap = id;
  COLUMNS.forEach((column) => makeCell(row, `gap-${column}`, column === "minutes" ? "th" : "td"));
  const [, , why, state, done, , , act] = row.cells;
  for (const cell of [why, state]) cell.append(make("span", "gap-word"), make("span", "aside"));
  const meter = make("span", "meter");
  meter.ariaHidden = "true";
  meter.append(make("span", ""));
  done.append(make("span", ""), meter);
  const button = make("button", "button", "Repair now…");
  button.type = "button";
  act.append(button);
  return row;
}

function showGap(row, gap, names, nowMs) {
  const [minutes, whom, why, state, done, repaired, when, act] = row.cells;
  row.dataset.tone = TONES[gap.state] ?? "plain";
  setText(minutes, minutesText(gap, nowMs));
  setText(whom, whomText(gap, names));
  showTwo(why, reasonWord(gap.reason), gap.detail);
  showTwo(state, stateWord(gap), gap.trouble ?? "");
  setText(done.firstChild, progressText(gap));
  const share = gap.symbols_total ? gap.symbols_done / gap.symbols_total : 0;
  done.lastChild.hidden = gap.closed_at !== null || !gap.symbols_total;
  done.lastChild.firstChild.style.setProperty("--share", share.toFixed(3));
  setText(repaired, formatExact(gap.repaired_bars));
  setText(when, whenText(gap, nowMs));
  act.firstChild.hidden = !canRepair(gap);
  setAttribute(act.firstChild, "aria-label", `Repair now: ${nameOf(gap, names, nowMs)}`);
}

function showTwo(cell, word, more) {
  setText(cell.firstChild, word);
  setText(cell.lastChild, more);
}
