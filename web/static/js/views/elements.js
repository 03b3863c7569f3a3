// Elements in one expression.

const SVG = "http://www.w3.org/2000/svg";

/** An element with some of its properties ({className, textContent, title, ...}) and children (elements, texts). */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** An SVG element with attributes and children; the page's policy allows presentation attributes, and no styles. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
