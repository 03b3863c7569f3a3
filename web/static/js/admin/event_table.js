// The last events of the connections, newest first.

import { NOT_KNOWN } from "../format.js";
import { repairedText } from "./gap_words.js";
import { make, makeCell, setText, showEach } from "./parts.js";
import { closeCodeText, durationText, eventWord, momentText } from "./words.js";

const COLUMNS = ["time", "connection", "event", "reason", "code", "duration", "repaired", "actor"];
// What the eye should find: an end is not like a beginning.
const TONES = {
  connected: "good", resumed: "good", tickers_returned: "good",
  disconnected: "bad", refused: "bad", lost_frame: "bad", fewer_granted: "warn", paused: "warn", tickers_moved: "warn",
};

/** The table's body; `empty` is shown in its place while there is nothing to show. */
export function createEventTable(body, empty) {
  let shown = null;
  let shownGaps = null;
  let shownDay = null;

  return {
    /** Show the events of a state, with what became of their gaps; `names` has connections' names by id, `nowMs` is the
     *  server's clock. */
    show(events, gaps, names, nowMs) {
      const day = momentText(nowMs - 86_400_000, nowMs).slice(0, 10);
      if (events === shown && gaps === shownGaps && day === shownDay) return;
      [shown, shownGaps, shownDay] = [events, gaps, day];
      empty.hidden = events.length > 0;
      showEach(body, events, createRow, (row, event) => {
        showEvent(row, event, names, nowMs);
        setText(row.cells[COLUMNS.indexOf("repaired")], repairedText(event, gaps) || NOT_KNOWN);
        for (const cell of row.cells) cell.classList.toggle("not-known", cell.textContent === NOT_KNOWN);
      });
    },
  };
}

function createRow() {
  const row = make("tr", "");
  row.role = "row";
  COLUMNS.forEach((column) => makeCell(row, `col-${column}`, column === "time" ? "th" : "td"));
  row.cells[0].append(document.createElement("time"));
  return row;
}

function showEvent(row, event, names, nowMs) {
  const [time, connection, what, reason, code, duration, , actor] = row.cells;
  const utc = new Date(event.time).toISOString();
  setText(time.firstChild, momentText(event.time, nowMs));
  time.firstChild.dateTime = utc;
  time.firstChild.title = utc;
  setText(connection, names[event.connection_id] ?? event.connection_id);
  connection.title = event.connection_id;
  row.dataset.tone = TONES[event.event] ?? "plain";
  setText(what, eventWord(event.event));
  setText(reason, event.reason ?? "");
  setText(code, closeCodeText(event.close_code));
  setText(duration, durationText(event));
  setText(actor, event.actor ?? NOT_KNOWN);
}
