// Cells of tables whose content changes all the time.

const FLASH_MS = 500;

/** A text of its own in an element: what is set again as it is costs nothing. */
export function textIn(element) {
  const node = element.appendChild(document.createTextNode(""));
  let shown = "";
  return (text) => {
    if (text === shown) return;
    node.data = text;
    shown = text;
  };
}

/** Flashes cells, `up` or `down`: those of one drawing begin and end together, which draws all of them at once. */
export function createFlash() {
  let lit = [];
  function end() {
    for (const cell of lit) cell.classList.remove("flash-up", "flash-down");
    lit = [];
  }
  return (cell, direction) => {
    if (lit.length === 0) setTimeout(end, FLASH_MS);
    cell.classList.add(`flash-${direction}`);
    lit.push(cell);
  };
}
