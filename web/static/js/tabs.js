// The tabs: one panel at a time, chosen with a click or with the arrow keys, by the pattern of the ARIA guide for tabs.

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Fills `list` with tabs of `views` ([{key, label}]), each for the element of `panels` (by key); `onChoose(key)` is
 *  called when one is chosen. */
export function createTabs({ list, views, panels, onChoose }) {
  const tabs = views.map(({ key, label }) => list.appendChild(createTab(key, label, panels.get(key))));
  // A single tab is no choice.
  list.hidden = tabs.length < 2;

  list.addEventListener("click", ({ target }) => {
    const tab = target.closest("[role=tab]");
    if (tab) onChoose(tab.dataset.tab);
  });
  list.addEventListener("keydown", (event) => {
    const index = tabs.indexOf(event.target);
    const to = { Home: 0, End: tabs.length - 1 }[event.key] ?? (index + STEPS[event.key] + tabs.length) % tabs.length;
    if (Number.isNaN(to)) return;
    event.preventDefault();
    tabs[to].focus();
    onChoose(tabs[to].dataset.tab);
  });

  return {
    /** Show the panel of a tab and no other. */
    select(key) {
      for (const tab of tabs) {
        const selected = tab.dataset.tab === key;
        tab.ariaSelected = String(selected);
        tab.tabIndex = selected ? 0 : -1;
        panels.get(tab.dataset.tab).hidden = !selected;
        // On a narrow screen not all tabs have room.
        if (selected) list.scrollLeft = tab.offsetLeft - list.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
      }
    },
  };
}

function createTab(key, label, panel) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.role = "tab";
  tab.id = `tab-${key}`;
  tab.dataset.tab = key;
  tab.textContent = label;
  tab.setAttribute("aria-controls", panel.id);
  panel.setAttribute("aria-labelledby", tab.id);
  return tab;
}
