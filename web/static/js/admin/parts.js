// Small helpers for what is drawn again and again: an element is only touched where something changed.

import { setText } from "../status.js";

/** The elements of a part of the page that have a data-part, by its name. */
export function partsOf(root) {
  const elements = [...root.querySelectorAll("[data-part]")];
  return Object.fromEntries(elements.map((element) => [element.dataset.part, element]));
}

/** An element with a class and a text, which is never read as markup. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/** Set an attribute only where it differs. */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Keep as many children as there are items, and show each item in its own: what stays is not made again. */
export function showEach(parent, items, create, show) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(create());
  items.forEach((item, i) => show(parent.children[i], item));
}

/** A table's cell in a row, with the role that its layout takes from it. */
export function makeCell(row, className, tag = "td") {
  const cell = row.appendChild(make(tag, className));
  cell.role = tag === "th" ? "rowheader" : "cell";
  if (tag === "th") cell.scope = "row";
  return cell;
}

export { setText };
