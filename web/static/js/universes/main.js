// The page of universes: a list to choose from, the members of the chosen one, and what can be done with them.

import { make, setText } from "../admin/parts.js";
import { createImportForm } from "./import_form.js";
import { createMembers } from "./members.js";
import { showFailure, showOutcome } from "./outcome.js";
import { createRequests } from "./requests.js";

const SEARCH_PAUSE_MS = 200;
const find = (id) => document.getElementById(id);
const requests = createRequests({ token: () => document.querySelector('meta[name="csrf-token"]').content });
const members = createMembers({ find, onRemove: (symbol) => change(() => requests.remove(chosen.name, [symbol], false)) });
const importForm = createImportForm({ find, requests, onDone: afterImport });
let chosen = null;
let searchTimer = 0;

/** Do something, and say above the page what went wrong. */
async function attempt(task) {
  try {
    await task();
    find("trouble").hidden = true;
  } catch (error) {
    if (error.name !== "ApiError") throw error;
    setText(find("trouble"), error.status === 401 ? "Your session has ended: log in again." : error.message);
    find("trouble").hidden = false;
  }
}

async function loadList() {
  const search = find("search").value;
  const answer = await requests.list(search);
  if (search !== find("search").value) return; // a later question is under way
  find("names").replaceChildren(...answer.universes.map(makeEntry));
  setText(find("found"), foundText(answer, search));
  setText(find("listening"), listeningText(answer.listening));
  setText(find("symbols"), symbolsText(answer.symbols));
}

function makeEntry({ name, size, type, description, listened }) {
  const item = document.createElement("li");
  const link = item.appendChild(make("a", "universe-link"));
  link.href = `#${encodeURIComponent(name)}`;
  link.append(make("b", "", name), ` ${size.toLocaleString("en-US")} `, make("span", "aside", type));
  if (listened) link.append(" ", make("span", "listened", "listened to"));
  if (description) link.append(make("span", "universe-description", description));
  return item;
}

function foundText({ universes, near }, search) {
  if (universes.length > 0) return search.trim() ? `${universes.length} found` : "";
  return near.length > 0 ? `Nothing found. Did you mean ${near.join(" or ")}?` : "Nothing found.";
}

function listeningText(listening) {
  if (listening === null) return "Nothing is listened to yet.";
  const size = listening.size === null ? "the whole market" : `${listening.size.toLocaleString("en-US")} symbols`;
  return `Listened to: ${listening.key}, ${size}.`;
}

function symbolsText({ known, refreshed_at: refreshedAt }) {
  const count = `${known.toLocaleString("en-US")} symbols are known`;
  if (refreshedAt === null) return `${count}; the vendor's list was not loaded yet.`;
  return `${count}; the vendor's list is of ${new Date(refreshedAt).toLocaleString("en-US")}.`;
}

async function showChosen() {
  const name = decodeURIComponent(window.location.hash.slice(1));
  if (!name) return;
  const universe = await requests.show(name);
  if (chosen?.name !== universe.name) find("outcome").replaceChildren();
  chosen = universe;
  setText(find("universe-name"), universe.name);
  setText(find("universe-facts"), factsText(universe));
  find("universe-body").hidden = false;
  const isFixed = universe.source !== "group";
  find("add-form").hidden = find("delete").hidden = isFixed;
  for (const format of ["csv", "json"]) find(`export-${format}`).href = requests.exportUrl(name, format);
  members.show(universe);
}

function factsText({ type, description, parts, unknown, source, listened }) {
  const facts = [source === "union" ? `The union of ${parts.join(", ")}` : type];
  if (description) facts.push(description);
  if (unknown.length > 0) facts.push(`there is no ${unknown.join(", ")}`);
  if (source === "entry") facts.push("from an older version, and not changed here");
  if (listened) facts.push("it is listened to: changes count within seconds");
  return `${facts.join("; ")}.`;
}

async function showAll() {
  await attempt(() => Promise.all([loadList(), showChosen()]));
  markChosen();
}

/** Say in the list which one is shown. */
function markChosen() {
  for (const link of find("names").querySelectorAll("a")) {
    const isChosen = chosen !== null && link.hash === `#${encodeURIComponent(chosen.name)}`;
    link.ariaCurrent = isChosen ? "true" : null;
  }
}

/** Change something of the chosen universe, and say what came of it. */
async function change(request) {
  try {
    const outcome = await request();
    showOutcome(find("outcome"), outcome);
    if (outcome.applied) {
      find("add").value = "";
      await showAll();
    }
  } catch (error) {
    if (error.name !== "ApiError") throw error;
    showFailure(find("outcome"), error);
  }
}

function afterImport(names) {
  const hash = `#${encodeURIComponent(names[0] ?? "")}`;
  if (names.length === 1 && window.location.hash !== hash) window.location.hash = hash;
  else showAll();
}

function askToDelete() {
  const listened = "It is listened to: the running process goes on with its symbols, but the next start would not find it.";
  setText(find("delete-title"), `Remove ${chosen.name}?`);
  setText(find("delete-text"), `${chosen.listened ? `${listened} ` : ""}What is stored of its symbols stays.`);
  find("delete-dialog").showModal();
}

async function deleteChosen(event) {
  event.preventDefault();
  find("delete-dialog").close();
  await attempt(async () => {
    await requests.delete(chosen.name, chosen.listened);
    chosen = null;
    find("universe-body").hidden = true;
    setText(find("universe-name"), "Choose a universe");
    setText(find("universe-facts"), "");
    history.replaceState(null, "", window.location.pathname);
    await loadList();
  });
}

async function refresh() {
  try {
    setText(find("refresh-result"), (await requests.refresh()).message);
  } catch (error) {
    if (error.name !== "ApiError") throw error;
    setText(find("refresh-result"), error.message);
  }
}

find("search").addEventListener("input", () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => attempt(loadList).then(markChosen), SEARCH_PAUSE_MS);
});
find("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const symbols = find("add").value.split(/[\s,;]+/).filter(Boolean);
  if (symbols.length > 0) change(() => requests.add(chosen.name, symbols));
});
find("open-import").addEventListener("click", () => importForm.open(""));
find("refresh").addEventListener("click", refresh);
find("delete").addEventListener("click", askToDelete);
find("delete-cancel").addEventListener("click", () => find("delete-dialog").close());
find("delete-form").addEventListener("submit", deleteChosen);
window.addEventListener("hashchange", showAll);
showAll();
