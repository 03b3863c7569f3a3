// The table of the sectors, one row for each, and the benchmark's below.

import { direction } from "../format.js";
import { make } from "./elements.js";
import { changeTitle, formatFraction, formatHundred, quadrantName } from "./sectors_words.js";

/** The table: `element`, and `show({answer, rows, basis, sort, order, chosen})`. `onSort(name)` is called for a click on
 *  a heading, `onChoose(sector)` on a sector, `onMembers(sector)` on the number of its members. */
export function createSectorsTable({ onSort, onChoose, onMembers }) {
  const head = make("thead");
  const body = make("tbody");
  const caption = make("caption", { className: "visually-hidden", textContent: "Sectors: their place, and their changes over windows of trading days." });
  const element = make("table", { className: "sectors-table" }, caption, head, body);

  element.addEventListener("click", ({ target }) => {
    const { sort, sector, members } = target.closest("button")?.dataset ?? {};
    if (sort !== undefined) onSort(sort);
    if (sector !== undefined) onChoose(sector);
    if (members !== undefined) onMembers(members);
  });

  return {
    element,
    show({ answer, rows, basis, sort, order, chosen }) {
      const focused = element.contains(document.activeElement) ? keyOf(document.activeElement) : null;
      head.replaceChildren(headings(answer, sort, order));
      body.replaceChildren(...rows.map((row) => rowElement(row, answer, basis, chosen)), benchmarkRow(answer));
      // A row that is drawn again loses the focus.
      if (focused) [...element.querySelectorAll("button")].find((button) => keyOf(button) === focused)?.focus({ preventScroll: true });
    },
  };
}

function keyOf({ dataset }) {
  return JSON.stringify({ ...dataset });
}

function headings({ windows }, sort, order) {
  const columns = [
    ["sector", "Sector"], [null, "Quadrant"], ["ratio", "Ratio"], ["momentum", "Momentum"],
    ...windows.map((days) => [String(days), `${days} d`]), [null, "Members"],
  ];
  return make("tr", {}, ...columns.map(([name, label]) => heading(name, label, name === sort ? order : null)));
}

function heading(name, label, order) {
  if (name === null) return make("th", { scope: "col", textContent: label });
  const button = make("button", { type: "button", textContent: label });
  button.dataset.sort = name;
  return make("th", { scope: "col", ariaSort: { asc: "ascending", desc: "descending" }[order] ?? "none" }, button);
}

function rowElement(row, answer, basis, chosen) {
  const { sector, etf, series, quadrant, ratio, momentum, absent } = row;
  const name = make(
    "button", { type: "button", ariaPressed: String(sector === chosen), title: "Show it on the chart alone" },
    make("span", { className: `series-mark series-${series}`, ariaHidden: "true" }), sector,
  );
  name.dataset.sector = sector;
  const why = answer.reasons[absent.ratio] ?? "";
  return make(
    "tr", { className: sector === chosen ? "chosen" : "" },
    make("th", { scope: "row" }, name, make("span", { className: "etf", textContent: etf ?? "" })),
    make("td", { className: "quadrant-cell", title: quadrant === null ? why : "", textContent: quadrantName(quadrant) }),
    make("td", { title: ratio === null ? why : "", textContent: formatHundred(ratio) }),
    make("td", { title: momentum === null ? why : "", textContent: formatHundred(momentum) }),
    ...answer.windows.map((days) => changeCell(row, days, basis, answer.reasons)),
    membersCell(row),
  );
}

function changeCell(row, days, basis, reasons) {
  return directed(row.changes[days].change, changeTitle(row, days, basis, reasons));
}

function directed(change, title) {
  const cell = make("td", { title, textContent: formatFraction(change) });
  cell.dataset.direction = direction(change);
  return cell;
}

function membersCell({ sector, members }) {
  const button = make("button", { type: "button", title: "Rankings of its members", textContent: String(members) });
  button.ariaLabel = `${members} members of ${sector}: their rankings`;
  button.dataset.members = sector;
  return make("td", {}, button);
}

function benchmarkRow({ benchmark, windows, benchmark_changes: changes }) {
  const blank = () => make("td");
  return make(
    "tr", { className: "benchmark" }, make("th", { scope: "row", textContent: `${benchmark}, the benchmark` }),
    blank(), blank(), blank(), ...windows.map((days) => directed(changes[days], "")), blank(),
  );
}
