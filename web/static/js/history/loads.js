// Loads of history: what was asked for, how far it is, and ending one.

import { make, setText, showEach } from "../admin/parts.js";
import { loadText, loadTitle, timeLeftText } from "./words.js";

/** The list in `list`; `onEnd(load)` is called when somebody wants to end one. */
export function createLoads(list, onEnd) {
  function create() {
    const item = make("li", "load");
    const title = make("p", "load-title");
    const meter = make("span", "meter");
    meter.ariaHidden = "true";
    meter.append(make("span", ""));
    const words = make("p", "aside");
    const end = make("button", "button", "End it…");
    end.type = "button";
    end.addEventListener("click", () => onEnd(item.load));
    item.append(title, meter, words, end);
    return item;
  }

  function show(item, load) {
    item.load = load;
    item.dataset.state = load.state;
    const [title, meter, words, end] = item.children;
    const isGoing = load.state === "waiting" || load.state === "running";
    setText(title, [loadTitle(load), timeLeftText(load)].filter(Boolean).join(" "));
    setText(words, loadText(load));
    meter.hidden = !isGoing || load.units_total === 0;
    const done = load.units_done + load.units_failed;
    meter.firstElementChild.style.setProperty("--share", (done / Math.max(1, load.units_total)).toFixed(3));
    end.hidden = !isGoing;
    end.ariaLabel = `End ${loadTitle(load)}`;
  }

  return {
    /** Show an answer of the API. */
    show(loads) {
      showEach(list, loads, create, show);
    },
  };
}
