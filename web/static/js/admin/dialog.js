// The dialog in which every action is confirmed. It stays open while the server is asked, and when it refuses.

import { setText } from "../status.js";

/** The dialog in the elements that `find` gives by id. */
export function createDialog(find) {
  const dialog = find("dialog");
  const confirm = find("dialog-confirm");
  let task = null;
  let isBusy = false;
  // What asked, and the column or section it stands in.
  let opener = null;
  let column = null;

  function setBusy(busy) {
    isBusy = busy;
    // Not disabled: a button that is loses the focus.
    confirm.ariaDisabled = String(busy);
    dialog.ariaBusy = String(busy);
  }

  async function submit(event) {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setText(find("dialog-error"), "");
    const chosen = { ticker: find("dialog-ticker").value.trim(), target: find("dialog-target").value };
    const { isDone, message } = await task(chosen);
    setBusy(false);
    if (isDone) dialog.close();
    else setText(find("dialog-error"), message);
  }

  function showFields({ ticker, tickers, targets }) {
    find("dialog-ticker").value = ticker ?? "";
    find("dialog-tickers").replaceChildren(...tickers.map((name) => new Option(name, name)));
    find("dialog-target").replaceChildren(...targets.map(({ id, text }) => new Option(text, id)));
  }

  /** The browser gives the focus back to what asked; where the action took that away, its column gets it. */
  function keepFocus() {
    if (!opener.isConnected || opener.hidden) column?.querySelector("[data-action]:not([hidden])")?.focus();
  }

  find("dialog-form").addEventListener("submit", submit);
  dialog.addEventListener("close", keepFocus);
  find("dialog-cancel").addEventListener("click", () => dialog.close());

  return {
    /** Ask; `run({ticker, target})` does it when confirmed and gives {isDone, message}. `fields` is null, or what a
     *  ticker's move needs: {ticker, tickers, targets: [{id, text}]}. The focus goes back when the dialog closes. */
    ask({ title, text, confirmText, fields, run }) {
      task = run;
      opener = document.activeElement;
      column = opener.closest("[data-connection], #repair");
      setText(find("dialog-title"), title);
      setText(find("dialog-text"), text);
      setText(confirm, confirmText);
      setText(find("dialog-error"), "");
      find("dialog-fields").hidden = fields === null;
      find("dialog-ticker").required = fields !== null;
      if (fields !== null) showFields(fields);
      dialog.showModal();
      if (fields !== null) find(fields.ticker === null ? "dialog-ticker" : "dialog-target").focus();
      else confirm.focus();
    },
  };
}
