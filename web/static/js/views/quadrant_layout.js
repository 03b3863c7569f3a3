// Where things stand on the chart of quadrants, in pixels. No DOM here.

export const EVEN = 100;
const MARGIN = { left: 42, right: 14, top: 10, bottom: 30 };
const SMALLEST_REACH = 0.5;
const ROOM = 1.12; // of the outermost point, so that no mark touches the edge
const TICKS_A_SIDE = 3;
const STEPS = [1, 2, 5, 10];
const LINE_HEIGHT = 13;
const LABEL_GAP = 8;
const CHARACTER_WIDTH = 6.4;
const TRIES = 8;

/** The frame of a chart of this size for points ({ratio, momentum}): {left, right, top, bottom}, `x(ratio)`,
 *  `y(momentum)`, and ticks of both axes. 100 stands in the middle, so that the quadrants are of one size. */
export function createFrame(points, width, height) {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const reachX = reach(points.map(({ ratio }) => ratio));
  const reachY = reach(points.map(({ momentum }) => momentum));
  return {
    left, right, top, bottom,
    x: (ratio) => (left + right) / 2 + ((ratio - EVEN) / reachX) * ((right - left) / 2),
    y: (momentum) => (top + bottom) / 2 - ((momentum - EVEN) / reachY) * ((bottom - top) / 2),
    xTicks: ticks(reachX),
    yTicks: ticks(reachY),
  };
}

function reach(values) {
  return ROOM * Math.max(SMALLEST_REACH, ...values.map((value) => Math.abs(value - EVEN)));
}

/** Round numbers on both sides of 100 that lie within the reach, 100 among them. */
export function ticks(reachOfAxis) {
  const least = reachOfAxis / TICKS_A_SIDE;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * STEPS.find((digit) => digit * power >= least);
  const count = Math.floor(reachOfAxis / step);
  return Array.from({ length: 2 * count + 1 }, (_, i) => Number((EVEN + (i - count) * step).toPrecision(8)));
}

/** Where labels ({x, y, text}, of marks) begin so that none covers another: beside the mark, else above or below, in
 *  the order given; at the right edge on the mark's left. Answers {x, y, anchor} for each. */
export function placeLabels(labels, { left, right, top, bottom }) {
  const taken = [];
  return labels.map(({ x, y, text }) => {
    const width = text.length * CHARACTER_WIDTH;
    const isLeft = x + LABEL_GAP + width > right && x - LABEL_GAP - width > left;
    const from = isLeft ? x - LABEL_GAP - width : x + LABEL_GAP;
    const free = offsets().map((offset) => y + offset).find((at) => isFree({ from, to: from + width, at }));
    const at = free ?? y;
    taken.push({ from, to: from + width, at });
    return { x: isLeft ? x - LABEL_GAP : x + LABEL_GAP, y: at, anchor: isLeft ? "end" : "start" };
  });

  function isFree(box) {
    const isInside = box.at > top + LINE_HEIGHT / 2 && box.at < bottom - LINE_HEIGHT / 2;
    return isInside && !taken.some((other) => box.from < other.to && other.from < box.to && Math.abs(box.at - other.at) < LINE_HEIGHT);
  }
}

/** 0, one line down, one up, two down ... */
function offsets() {
  return Array.from({ length: TRIES }, (_, i) => Math.ceil(i / 2) * LINE_HEIGHT * (i % 2 ? 1 : -1));
}
