// Which columns the watch list has: chosen by its user, and kept by the browser.

import { keptText } from "./settings.js";

const STORAGE_KEY = "tickstock.hidden_columns";
const HIDDEN_AT_FIRST = ["previous"];
// What a narrow screen has no room for, unless its user wants it.
const HIDDEN_WHEN_NARROW = ["change", "previous", "volume"];

/** Makes the boxes of `menu`, one a column by its value, hide and show the columns of `table`. */
export function createColumns({ table, menu, kept = keptText(STORAGE_KEY) }) {
  const narrow = window.matchMedia("(max-width: 639px)");
  const boxes = [...menu.querySelectorAll("input")];

  function show() {
    const atFirst = narrow.matches ? HIDDEN_WHEN_NARROW : HIDDEN_AT_FIRST;
    const hidden = kept.get()?.split(",") ?? atFirst;
    for (const box of boxes) box.checked = !hidden.includes(box.value);
    table.dataset.hidden = hidden.join(" ");
  }

  menu.addEventListener("change", () => {
    kept.set(boxes.filter((box) => !box.checked).map((box) => box.value).join(","));
    show();
  });
  narrow.addEventListener("change", show);
  show();
}
