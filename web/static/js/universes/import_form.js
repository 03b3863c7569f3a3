// The dialog in which a file, or a list that was typed, is imported.

import { showFailure, showOutcome } from "./outcome.js";

/** The dialog; `onDone(names)` is called with the universes that were changed. */
export function createImportForm({ find, requests, onDone }) {
  const dialog = find("import-dialog");
  let isBusy = false;

  async function run(isTrial) {
    if (isBusy) return;
    isBusy = true;
    dialog.ariaBusy = "true";
    const content = find("import-file").files[0] ?? find("import-text").value;
    const flags = { add: find("import-add").checked, skip_bad: find("import-skip").checked, dry_run: isTrial };
    try {
      const outcome = await requests.import(content, { name: find("import-name").value.trim(), ...flags });
      showOutcome(find("import-outcome"), outcome, isTrial);
      if (outcome.applied) onDone(outcome.changes.map(({ name }) => name));
    } catch (error) {
      if (error.name !== "ApiError") throw error;
      showFailure(find("import-outcome"), error);
    } finally {
      isBusy = false;
      dialog.ariaBusy = "false";
    }
  }

  find("import-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run(false);
  });
  find("import-check").addEventListener("click", () => run(true));
  find("import-close").addEventListener("click", () => dialog.close());

  return {
    open(name) {
      find("import-form").reset();
      find("import-name").value = name ?? "";
      find("import-outcome").replaceChildren();
      dialog.showModal();
    },
  };
}
