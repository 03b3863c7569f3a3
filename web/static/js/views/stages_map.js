// The map of the stages: four columns, and in each the symbols that are in that stage.

import { setText } from "../status.js";
import { make } from "./elements.js";
import { STAGES, shareText, stageName, symbolTitle, weeksText } from "./stages_words.js";

/** The map: `element`, and `show(answer)`. `onStage(stage)` is called for a column's heading, `onChoose(symbol)` for a
 *  symbol. A symbol's element stays while the symbol does, so that the focus does too. */
export function createStagesMap({ onStage, onChoose }) {
  const columns = STAGES.map(({ stage }) => createColumn(stage));
  const element = make("div", { className: "stages-map" }, ...columns.map((column) => column.element));
  let tiles = new Map();

  element.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.value) onChoose(button.value);
    else if (button) onStage(Number(button.dataset.stage));
  });

  return {
    element,
    show({ rows, counts, counted, stage: only }) {
      const before = tiles;
      tiles = new Map();
      for (const row of rows) if (row.stage !== null) tiles.set(row.symbol, fitted(before.get(row.symbol) ?? createTile(row.symbol), row));
      for (const [i, { stage }] of STAGES.entries()) {
        const here = rows.filter((row) => row.stage === stage).map(({ symbol }) => tiles.get(symbol).element);
        showColumn(columns[i], here, shareText(counts[stage], counted), only === stage);
        columns[i].element.classList.toggle("other", only !== null && only !== stage);
      }
    },
  };
}

function createColumn(stage) {
  const share = make("span", { className: "stage-share" });
  const button = make("button", { type: "button", title: "Show this stage alone" }, stageName(stage));
  button.dataset.stage = stage;
  const list = make("ul");
  const head = make("h3", { className: `stage-head stage-${stage}` }, button, share);
  return { element: make("section", { className: "stage-column", ariaLabel: stageName(stage) }, head, list), button, share, list };
}

function showColumn({ button, share, list }, elements, text, isChosen) {
  setText(share, text);
  button.ariaPressed = String(isChosen);
  if (elements.length === list.children.length && elements.every((one, i) => one === list.children[i])) return;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...elements);
  // What is moved loses the focus.
  if (focused !== null && list.contains(focused)) focused.focus({ preventScroll: true });
}

function createTile(symbol) {
  const weeks = make("small");
  const button = make("button", { type: "button", value: symbol }, symbol, weeks);
  return { element: make("li", {}, button), button, weeks };
}

function fitted(tile, row) {
  const title = symbolTitle(row);
  setText(tile.weeks, weeksText(row));
  if (tile.button.title !== title) tile.button.title = title;
  tile.button.dataset.stage = row.stage;
  return tile;
}
