// The table of the sectors, one row for each, kept while the sector is there, and the benchmark's below.

import { direction } from "../format.js";
import { setText } from "../status.js";
import { make } from "./elements.js";
import { changeTitle, formatFraction, formatHundred, quadrantName } from "./sectors_words.js";

/** The table: `element`, and `show({answer, rows, basis, sort, order, chosen})`. `onSort(name)` is called for a click on
 *  a heading, `onChoose(sector)` on a sector, `onMembers(sector)` on the number of its members. */
export function createSectorsTable({ onSort, onChoose, onMembers }) {
  const headings = make("tr");
  const body = make("tbody");
  const caption = make("caption", { className: "visually-hidden", textContent: "Sectors: their place, and their changes over windows of trading days." });
  const element = make("table", { className: "sectors-table" }, caption, make("thead", {}, headings), body);
  const benchmark = createBenchmark();
  let rows = new Map();

  element.addEventListener("click", ({ target }) => {
    const { sort, sector, members } = target.closest("button")?.dataset ?? {};
    if (sort !== undefined) onSort(sort);
    if (sector !== undefined) onChoose(sector);
    if (members !== undefined) onMembers(members);
  });

  function showHeadings({ windows }, sort, order) {
    const columns = columnsOf(windows);
    if (headings.children.length !== columns.length) headings.replaceChildren(...columns.map(([name, label]) => createHeading(name, label)));
    const sorted = { asc: "ascending", desc: "descending" }[order];
    columns.forEach(([name], i) => {
      if (name !== null) headings.children[i].ariaSort = name === sort ? sorted : "none";
    });
  }

  function place(elements) {
    if (elements.length === body.rows.length && elements.every((row, i) => row === body.rows[i])) return;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    body.replaceChildren(...elements);
    // A row that is moved loses the focus.
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }

  return {
    element,
    show({ answer, rows: given, basis, sort, order, chosen }) {
      showHeadings(answer, sort, order);
      const before = rows;
      rows = new Map(given.map((row) => [row.sector, before.get(row.sector) ?? createRow(row, answer.windows)]));
      for (const row of given) rows.get(row.sector).show(row, answer, basis, row.sector === chosen);
      benchmark.show(answer);
      place([...[...rows.values()].map((row) => row.element), benchmark.element]);
    },
  };
}

function columnsOf(windows) {
  return [
    ["sector", "Sector"], [null, "Quadrant"], ["ratio", "Ratio"], ["momentum", "Momentum"],
    ...windows.map((days) => [String(days), `${days} d`]), [null, "Members"],
  ];
}

function createHeading(name, label) {
  if (name === null) return make("th", { scope: "col", textContent: label });
  const button = make("button", { type: "button", textContent: label });
  button.dataset.sort = name;
  return make("th", { scope: "col" }, button);
}

function createRow({ sector, etf, series }, windows) {
  const mark = make("span", { className: `series-mark series-${series}`, ariaHidden: "true" });
  const name = make("button", { type: "button", title: "Show it on the chart alone" }, mark, sector);
  name.dataset.sector = sector;
  const members = make("button", { type: "button", title: "Rankings of its members" });
  members.dataset.members = sector;
  const [quadrant, ratio, momentum] = [make("td", { className: "quadrant-cell" }), make("td"), make("td")];
  const changes = windows.map(() => make("td"));
  const head = make("th", { scope: "row" }, name, make("span", { className: "etf", textContent: etf ?? "" }));
  const element = make("tr", {}, head, quadrant, ratio, momentum, ...changes, make("td", {}, members));

  return {
    element,
    show(row, { reasons }, basis, isChosen) {
      const why = row.ratio === null ? reasons[row.absent.ratio] ?? "" : "";
      element.classList.toggle("chosen", isChosen);
      name.ariaPressed = String(isChosen);
      showCell(quadrant, quadrantName(row.quadrant), why);
      showCell(ratio, formatHundred(row.ratio), why);
      showCell(momentum, formatHundred(row.momentum), why);
      for (const [i, days] of windows.entries()) {
        showChange(changes[i], row.changes[days].change, changeTitle(row, days, basis, reasons));
      }
      setText(members, String(row.members));
      members.ariaLabel = `${row.members} members of ${sector}: their rankings`;
    },
  };
}

function createBenchmark() {
  const element = make("tr", { className: "benchmark" });
  return {
    element,
    show({ benchmark, windows, benchmark_changes: changes }) {
      const cells = windows.map(() => make("td"));
      windows.forEach((days, i) => showChange(cells[i], changes[days], ""));
      const head = make("th", { scope: "row", textContent: `${benchmark}, the benchmark` });
      element.replaceChildren(head, make("td"), make("td"), make("td"), ...cells, make("td"));
    },
  };
}

function showChange(cell, change, title) {
  cell.dataset.direction = direction(change);
  showCell(cell, formatFraction(change), title);
}

function showCell(cell, text, title) {
  setText(cell, text);
  if (cell.title !== title) cell.title = title;
}
