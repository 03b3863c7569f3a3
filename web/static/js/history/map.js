// The heat map: symbols by day, drawn on canvases of some rows each, so that those out of sight cost nothing.

import { STATES } from "./words.js";

const LABEL_PX = 78;
const ROW_PX = 16;
const HEAD_PX = 34;
const ROWS_A_CANVAS = 25;
const [NARROWEST_PX, WIDEST_PX] = [5, 26];
const LEAST_FOR_MARK_PX = 8;

/** The map in `element`. `onPoint(row, column)` is told which cell is pointed at, `onChoose` which one is chosen. */
export function createMap(element, { onPoint, onChoose }) {
  let days = [];
  let rows = [];
  let cellPx = NARROWEST_PX;
  let cursor = null;
  let colours = {};
  const canvases = [];
  const head = element.appendChild(document.createElement("canvas"));
  head.className = "map-head";

  function measure() {
    const room = (element.clientWidth - LABEL_PX) / Math.max(1, days.length);
    cellPx = Math.max(NARROWEST_PX, Math.min(WIDEST_PX, Math.floor(room)));
    const style = getComputedStyle(element);
    const value = (name) => style.getPropertyValue(name).trim();
    colours = Object.fromEntries(Object.entries(STATES).map(([state, { colour }]) => [state, value(colour)]));
    Object.assign(colours, { text: value("--text"), muted: value("--muted"), accent: value("--accent"), mark: value("--day-mark") });
  }

  function sized(canvas, heightPx) {
    const ratio = window.devicePixelRatio || 1;
    const widthPx = LABEL_PX + cellPx * days.length;
    canvas.width = Math.round(widthPx * ratio);
    canvas.height = Math.round(heightPx * ratio);
    canvas.style.width = `${widthPx}px`;
    canvas.style.height = `${heightPx}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `11px ${getComputedStyle(element).fontFamily}`;
    context.textBaseline = "middle";
    return context;
  }

  function drawHead() {
    const context = sized(head, HEAD_PX);
    context.fillStyle = colours.muted;
    let month = "";
    let freePx = 0;
    days.forEach(({ date }, column) => {
      const x = LABEL_PX + column * cellPx;
      if (date.slice(0, 7) !== month) {
        month = date.slice(0, 7);
        context.fillText(month, x, 9);
      }
      if (x >= freePx) {
        context.fillText(date.slice(8), x, 25);
        freePx = x + 18;
      }
    });
  }

  function drawRows(canvas, first) {
    const some = rows.slice(first, first + ROWS_A_CANVAS);
    const context = sized(canvas, some.length * ROW_PX);
    some.forEach(({ symbol, cells }, i) => {
      const y = i * ROW_PX;
      context.fillStyle = colours.text;
      context.textAlign = "left";
      context.fillText(symbol, 0, y + ROW_PX / 2, LABEL_PX - 6);
      cells.forEach((cell, column) => drawCell(context, cell, LABEL_PX + column * cellPx, y));
      if (cursor !== null && cursor.row === first + i) drawCursor(context, LABEL_PX + cursor.column * cellPx, y);
    });
  }

  function drawCell(context, { state }, x, y) {
    context.fillStyle = colours[state];
    context.fillRect(x, y + 1, cellPx - 1, ROW_PX - 2);
    const { mark } = STATES[state];
    if (mark === "" || cellPx < LEAST_FOR_MARK_PX) return;
    context.fillStyle = colours.mark;
    context.textAlign = "center";
    context.fillText(mark, x + (cellPx - 1) / 2, y + ROW_PX / 2 + 0.5);
  }

  function drawCursor(context, x, y) {
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.strokeRect(x, y + 1, cellPx - 1, ROW_PX - 2);
  }

  function drawAll() {
    measure();
    drawHead();
    const count = Math.ceil(rows.length / ROWS_A_CANVAS);
    while (canvases.length > count) canvases.pop().remove();
    while (canvases.length < count) canvases.push(element.appendChild(document.createElement("canvas")));
    canvases.forEach((canvas, i) => drawRows(canvas, i * ROWS_A_CANVAS));
  }

  function redrawRow(row) {
    const place = Math.floor(row / ROWS_A_CANVAS);
    if (canvases[place]) drawRows(canvases[place], place * ROWS_A_CANVAS);
  }

  function moveTo(row, column) {
    const before = cursor;
    cursor = { row: clamp(row, rows.length), column: clamp(column, days.length) };
    if (before !== null && before.row !== cursor.row) redrawRow(before.row);
    redrawRow(cursor.row);
    onPoint(cursor.row, cursor.column);
  }

  function showCursor() {
    const top = cursor.row * ROW_PX;
    const left = cursor.column * cellPx;
    const room = { height: element.clientHeight - HEAD_PX, width: element.clientWidth - LABEL_PX };
    element.scrollTop = within(element.scrollTop, top, ROW_PX, room.height);
    element.scrollLeft = within(element.scrollLeft, left, cellPx, room.width);
  }

  function cellAt(event) {
    const place = canvases.indexOf(event.target);
    const column = Math.floor((event.offsetX - LABEL_PX) / cellPx);
    if (place < 0 || column < 0 || column >= days.length) return null;
    const row = place * ROWS_A_CANVAS + Math.floor(event.offsetY / ROW_PX);
    return row < rows.length ? { row, column } : null;
  }

  const STEPS = {
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    PageUp: [-20, 0], PageDown: [20, 0], Home: [0, -Infinity], End: [0, Infinity],
  };

  function onKey(event) {
    if (rows.length === 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && cursor !== null) onChoose(cursor.row, cursor.column);
    else if (event.key in STEPS) {
      const [down, right] = STEPS[event.key];
      if (cursor === null) moveTo(0, days.length - 1);
      else moveTo(cursor.row + down, cursor.column + right);
      showCursor();
    } else return;
    event.preventDefault();
  }

  element.addEventListener("keydown", onKey);
  element.addEventListener("pointermove", (event) => {
    const cell = cellAt(event);
    if (cell !== null && (cell.row !== cursor?.row || cell.column !== cursor?.column)) moveTo(cell.row, cell.column);
  });
  element.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell === null) return;
    moveTo(cell.row, cell.column);
    onChoose(cell.row, cell.column);
  });
  new ResizeObserver(drawAll).observe(element);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  return {
    /** Show other days and rows; the same days keep the place that is pointed at. */
    show(newDays, newRows) {
      if (newDays !== days || (cursor !== null && cursor.row >= newRows.length)) cursor = null;
      days = newDays;
      rows = newRows;
      drawAll();
    },
  };
}

function clamp(value, count) {
  return Math.max(0, Math.min(count - 1, value));
}

/** Where to scroll so that what lies at `start` with a length is seen in `room`. */
function within(scroll, start, length, room) {
  return Math.max(Math.min(scroll, start), start + length - room);
}
