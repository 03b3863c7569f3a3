// Which universe is listed: the chooser, what is said of it, and the pages of one that is too long for a page.

import { LISTENING, PAGE_SYMBOLS } from "./api.js";
import { setText } from "./status.js";

const TYPES = { UNIVERSE: "Indices", ETF: "Funds", SECTOR: "Sectors", THEME: "Themes", SEGMENT: "Segments" };
const OTHER = "Other";

/** What is listed, by the state in the URL: the universe's key and the place of its first symbol. */
export function scopeOf(url) {
  const page = Math.max(1, Math.floor(Number(url.get("page"))) || 1);
  return { key: url.get("universe") ?? LISTENING, offset: (page - 1) * PAGE_SYMBOLS };
}

/** What is to be known of a list beside its rows: which symbols it has of how many, and who of them nobody listens to. */
export function scopeNotes({ count, offset, symbols, unheard, unknown }) {
  const notes = [];
  if (count > symbols.length) {
    const [first, last, all] = [offset + 1, offset + symbols.length, count].map((place) => place.toLocaleString("en-US"));
    notes.push(`Symbols ${first} to ${last} of ${all}.`);
  }
  if (unheard.length === symbols.length && unheard.length > 0) {
    notes.push("The feed listens to none of these symbols: what is shown is their last stored bars.");
  } else if (unheard.length > 0) {
    notes.push(`The feed does not listen to ${unheard.length} of these symbols: their last stored bars are shown, dimmed.`);
  }
  if (unknown.length > 0) notes.push(`There is no universe ${unknown.join(", ")}.`);
  return notes;
}

/** The chooser in the elements that `find` gives by id; it writes to `url` (url_state.js). */
export function createUniverseChooser({ find, url }) {
  const select = find("universe");
  let members = null;
  let complaint = "";

  select.addEventListener("change", () => {
    complaint = "";
    url.set({ universe: select.value === LISTENING ? null : select.value, page: null });
  });
  for (const [id, step] of [["page-before", -1], ["page-after", 1]]) {
    find(id).addEventListener("click", () => turnPage(step));
  }

  function turnPage(step) {
    const page = scopeOf(url).offset / PAGE_SYMBOLS + 1 + step;
    url.set({ page: page === 1 ? null : String(page) });
  }

  function showKey() {
    const { key } = scopeOf(url);
    // A union of several universes stands in the URL only.
    if (![...select.options].some(({ value }) => value === key)) select.add(new Option(key, key));
    select.value = key;
    select.title = select.selectedOptions[0].title;
  }

  function showNotes() {
    const notes = [...(complaint === "" ? [] : [complaint]), ...(members === null ? [] : scopeNotes(members))];
    setText(find("list-notes"), notes.join(" "));
    find("list-notes").hidden = notes.length === 0;
    find("pages").hidden = members === null || members.count <= members.symbols.length;
    find("page-before").disabled = members === null || members.offset === 0;
    find("page-after").disabled = members === null || members.offset + members.symbols.length >= members.count;
  }

  return {
    /** Offer these universes of the API. */
    offer(universes) {
      select.replaceChildren(...optionGroups(universes));
      showKey();
    },
    /** Show what the URL says, of which nothing is known yet. */
    readUrl() {
      members = null;
      if (url.get("universe") !== null) complaint = "";
      showKey();
      showNotes();
    },
    /** Tell of the members of the scope. */
    show(newMembers) {
      members = newMembers;
      showNotes();
    },
    /** Turn back to what is listened to, and say why. */
    refuse(message) {
      complaint = message;
      url.replace({ universe: null, page: null });
    },
  };
}

function optionGroups(universes) {
  const listening = universes.filter(({ key }) => key === LISTENING).map(option);
  const labels = [...Object.values(TYPES), OTHER];
  const groups = labels.map((label) => {
    const group = document.createElement("optgroup");
    group.label = label;
    const own = universes.filter(({ key, type }) => key !== LISTENING && (TYPES[type] ?? OTHER) === label);
    group.append(...own.map(option));
    return group;
  });
  return [...listening, ...groups.filter((group) => group.children.length > 0)];
}

function option({ key, count, description }) {
  const words = key === LISTENING ? "Listened to" : key;
  const made = new Option(`${words} (${count.toLocaleString("en-US")})`, key);
  made.title = description;
  return made;
}
