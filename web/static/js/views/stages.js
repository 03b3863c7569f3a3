// The stages: a map of the symbols, who changed in the week, and how many were in each stage week by week.

import { setText } from "../status.js";
import { createAbsenceList } from "./absence_list.js";
import { make } from "./elements.js";
import { createMarketHead, marketQuery } from "./market_view.js";
import { createStagesChart } from "./stages_chart.js";
import { createStagesMap } from "./stages_map.js";
import { SORTS, cutText, groupTransitions, knownWeeks, stageName, transitionsText } from "./stages_words.js";

const MOST_ROWS = 1000;

let context = null;
let parts = null;

export function mount(element, given) {
  context = given;
  parts = createParts();
  element.append(parts.root);
}

export function unmount() {
  parts.chart.close();
  context = parts = null;
}

export function query() {
  const { sort: { sort, order }, sector, stage } = readState();
  return marketQuery("stages", context, { sort, order, sector, stage, limit: MOST_ROWS });
}

export function show(body) {
  const isAnswer = parts.head.show(body);
  parts.content.classList.toggle("waiting", !isAnswer);
  if (!isAnswer) return;
  parts.content.hidden = false;
  parts.sort.value = readState().sort.key;
  // Before any symbol has a stage there is nothing to draw, and the reasons stand below.
  parts.over.hidden = body.counted === 0;
  showSectors(body);
  parts.map.show(body);
  parts.chart.show(knownWeeks(body.distribution));
  showTransitions(body);
  setText(parts.cut, cutText(body));
  parts.cut.hidden = cutText(body) === "";
  parts.absent.show(absenceOf(body));
}

function readState() {
  const get = (name) => context.url.get(`stages.${name}`);
  return {
    sort: SORTS.find(({ key }) => key === get("sort")) ?? SORTS[0], sector: get("sector"),
    stage: /^[1-4]$/.test(get("stage")) ? Number(get("stage")) : null,
  };
}

function change(changes) {
  context.url.set(Object.fromEntries(Object.entries(changes).map(([name, value]) => [`stages.${name}`, value])));
}

function createParts() {
  const head = createMarketHead({ context, title: "Stages" });
  const map = createStagesMap({
    onStage: (stage) => change({ stage: readState().stage === stage ? null : stage }), onChoose: context.chooseSymbol,
  });
  const chart = createStagesChart();
  const sector = make("select");
  const sort = make("select", {}, ...SORTS.map(({ key, label }) => make("option", { value: key, textContent: label })));
  sector.addEventListener("change", () => change({ sector: sector.value || null }));
  sort.addEventListener("change", () => change({ sort: sort.value === SORTS[0].key ? null : sort.value }));
  const cut = make("p", { className: "market-basis", hidden: true });
  const absent = createAbsenceList();
  const tools = make("div", { className: "market-tools" }, make("label", {}, "Sector ", sector), make("label", {}, "Sorted ", sort));
  const moved = make("p", { className: "stages-moved", role: "status" });
  const transitions = make("div", { className: "stages-transitions" });
  const key = make("p", { className: "market-basis", textContent: "Beside each symbol stand the weeks it has been in its stage; 12+ means that it began then or before." });
  const over = make(
    "div", { className: "stages-over" },
    make("section", { ariaLabel: "Distribution by week" }, make("h3", { textContent: "Share of each stage, by week" }), chart.element),
    make("section", { ariaLabel: "Transitions of the week" }, moved, transitions),
  );
  const content = make("div", { className: "stages-content", hidden: true }, over, tools, cut, map.element, key, absent.element);
  const root = make("section", { className: "panel stages" }, head.element, content);
  transitions.addEventListener("click", ({ target }) => {
    const symbol = target.closest("button")?.value;
    if (symbol) context.chooseSymbol(symbol);
  });
  return { root, head, content, over, map, chart, sector, sort, cut, absent, moved, transitions, shownTransitions: "" };
}

function showSectors({ sectors, sector, members }) {
  const options = [["", `All (${members})`], ...sectors.map((one) => [one.sector, `${one.sector} (${one.members})`])];
  const shown = [...parts.sector.options].map(({ textContent }) => textContent);
  if (options.length !== shown.length || options.some(([, text], i) => text !== shown[i])) {
    parts.sector.replaceChildren(...options.map(([value, textContent]) => make("option", { value, textContent })));
  }
  parts.sector.value = sector ?? "";
}

function showTransitions(body) {
  setText(parts.moved, transitionsText(body));
  const wanted = JSON.stringify(body.transitions);
  if (parts.shownTransitions === wanted) return;
  parts.shownTransitions = wanted;
  parts.transitions.replaceChildren(...groupTransitions(body.transitions).map(transitionGroup));
}

function transitionGroup({ from, to, symbols }) {
  const tiles = symbols.map(({ symbol, name }) => {
    const button = make("button", { type: "button", value: symbol, title: name ?? "", textContent: symbol });
    button.dataset.stage = to;
    return make("li", {}, button);
  });
  return make("section", {}, make("h4", { textContent: `${stageName(from)} → ${stageName(to)} (${symbols.length})` }), make("ul", {}, ...tiles));
}

function absenceOf({ rows, reasons }) {
  const columns = [{ name: "stage", label: "Stage" }];
  return { rows: rows.map(({ symbol, stage, absent }) => ({ symbol, figures: { stage }, absent })), columns, reasons };
}
