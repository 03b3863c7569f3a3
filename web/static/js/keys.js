// Keys of a single letter, for hands that stay on the keyboard. They can be switched off, as some speak to their machine.

import { keptText } from "./settings.js";

const STORAGE_KEY = "tickstock.letter_keys";
const OFF = "off";

/** Calls `actions[key]()` for a key that is pressed outside of fields and dialogs; `box` switches this on and off. */
export function createKeys({ actions, box, kept = keptText(STORAGE_KEY) }) {
  box.checked = kept.get() !== OFF;
  box.addEventListener("change", () => kept.set(box.checked ? null : OFF));
  document.addEventListener("keydown", (event) => {
    const isCommand = event.ctrlKey || event.altKey || event.metaKey;
    if (!box.checked || isCommand || event.target.closest("input, select, textarea, dialog")) return;
    const act = actions[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}
