// A priority as a shape, a colour and a number: filled while it waits, an outline when it was acknowledged.
import { svg } from "../dom.js";
import { color } from "../theme.js";
import { t } from "../words.js";

const SHAPES = {
  1: { full: ["rect", { x: 1, y: 1, width: 14, height: 14 }], line: ["rect", { x: 1.9, y: 1.9, width: 12.2, height: 12.2 }], y: 12, size: 10.5 },
  2: { full: ["path", { d: "M8 .6 15.8 15H.2Z" }], line: ["path", { d: "M8 2.4 14.5 14.2H1.5Z" }], y: 13.3, size: 9 },
  3: { full: ["path", { d: "M8 15.4.2 1h15.6Z" }], line: ["path", { d: "M8 13.6 1.5 1.8h13Z" }], y: 9.7, size: 9 },
  4: { full: ["circle", { cx: 8, cy: 8, r: 7 }], line: ["circle", { cx: 8, cy: 8, r: 6.2 }], y: 11.5, size: 9.5 },
};

/** 16 px; `filled` says that nobody has acknowledged it. */
export function priorityMark(priority, filled = true) {
  const shape = SHAPES[priority];
  if (!shape) return svg("svg", { class: "ft-pri", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("circle", { cx: 8, cy: 8, r: 3, class: "m-run" }));
  const [tag, place] = filled ? shape.full : shape.line;
  return svg(
    "svg",
    { class: `ft-pri ft-pri-${priority}${filled ? " is-full" : ""}`, viewBox: "0 0 16 16", role: "img" },
    svg("title", null, t(`priority.${priority}`)),
    svg(tag, { ...place, class: "ft-pri-s", "stroke-width": 1.6 }),
    svg("text", { x: 8, y: shape.y, "text-anchor": "middle", "font-size": shape.size, "font-weight": 700 }, String(priority)),
  );
}

/** Put a mark into a holder, if it is another one than before. */
export function setPriority(holder, priority, filled) {
  const key = `${priority}${filled}`;
  if (holder.dataset.pri === key) return;
  holder.dataset.pri = key;
  holder.replaceChildren(priorityMark(priority, filled));
}

/** An asset's most urgent alarm as a mark in a holder; none where it has none. `worst` is of `alarms.byAsset`. */
export function setAssetAlarm(holder, worst) {
  if (!worst) {
    if (holder.dataset.pri) {
      delete holder.dataset.pri;
      holder.replaceChildren();
    }
    return;
  }
  setPriority(holder, worst.priority, worst.waits);
}

/** The same shape in a canvas, about a point. */
export function drawPriority(context, priority, x, y, half = 5) {
  context.fillStyle = color(`--p${priority}`);
  context.beginPath();
  if (priority === 1) context.rect(x - half + 0.5, y - half + 0.5, 2 * half - 1, 2 * half - 1);
  else if (priority === 4) context.arc(x, y, half - 0.5, 0, 7);
  else {
    const up = priority === 2 ? 1 : -1;
    context.moveTo(x, y - up * half);
    context.lineTo(x + half, y + up * (half - 1));
    context.lineTo(x - half, y + up * (half - 1));
    context.closePath();
  }
  context.fill();
}
