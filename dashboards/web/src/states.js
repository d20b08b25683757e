// PackML state names to the few ways they look: shape, word and (only if abnormal) colour.
import { svg } from "./dom.js";

const LOOKS = {
  run: ["Execute", "Starting", "Completing", "Unholding", "Unsuspending"],
  idle: ["Idle", "Complete", "Resetting"],
  wait: ["Suspended", "Suspending"],
  held: ["Held", "Holding"],
  fault: ["Aborted", "Aborting"],
  stop: ["Stopped", "Stopping", "Clearing"],
};
const lookOf = new Map(Object.entries(LOOKS).flatMap(([look, names]) => names.map((name) => [name.toLowerCase(), look])));

/** run, idle, wait, held, fault, stop, lost, or unknown. */
export function look(state) {
  if (!state) return "unknown";
  const name = state.toLowerCase();
  return name === "lost" ? "lost" : (lookOf.get(name) ?? "unknown");
}

/** Order of concern, the worst first. */
export const CONCERN = ["fault", "held", "lost", "unknown", "stop", "wait", "idle", "run", "none"];

export const worst = (looks) => CONCERN.find((one) => looks.includes(one)) ?? "none";

const path = (d, attributes) => svg("path", { d, fill: "none", ...attributes });

const SHAPES = {
  run: () => [path("M3.5 2.2 13.8 8 3.5 13.8Z", { class: "m-run" })],
  idle: () => [path("M4 2.8h2.8v10.4H4zM9.2 2.8H12v10.4H9.2z", { class: "m-run" })],
  wait: () => [
    path("M2.2 2.8h2v10.4h-2z", { class: "m-needle" }),
    path("M6.4 3.4 13.8 8l-7.4 4.6Z", { class: "m-line", "stroke-width": 1.4 }),
  ],
  blocked: () => [path("M2.2 3.4 9.6 8l-7.4 4.6Z", { class: "m-line", "stroke-width": 1.4 }), path("M11.8 2.8h2v10.4h-2z", { class: "m-needle" })],
  held: () => [
    path("M8 1.2 14.8 8 8 14.8 1.2 8Z", { class: "m-held", "stroke-width": 1.7 }),
    path("M6.5 5.4v5.2M9.5 5.4v5.2", { class: "m-held", "stroke-width": 1.7 }),
  ],
  fault: () => [
    path("M5.1 1.2h5.8l3.9 3.9v5.8l-3.9 3.9H5.1L1.2 10.9V5.1Z", { class: "m-fault", "stroke-width": 1.7 }),
    path("m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6", { class: "m-fault", "stroke-width": 1.9 }),
  ],
  stop: () => [svg("rect", { x: 2.8, y: 2.8, width: 10.4, height: 10.4, class: "m-line", fill: "none", "stroke-width": 1.5 })],
  lost: () => [
    svg("circle", { cx: 8, cy: 8, r: 6, class: "m-lost", fill: "none", "stroke-width": 1.6, "stroke-dasharray": "2.6 2" }),
    path("M6.2 6.4a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.3M8 11.3v.9", { class: "m-lost-ink", "stroke-width": 1.4 }),
  ],
  none: () => [svg("circle", { cx: 8, cy: 8, r: 2.6, class: "m-run" })],
};
SHAPES.unknown = SHAPES.lost;

/** The mark of a look, 16 px; `title` is what a screen reader says. */
export function mark(one, title = null) {
  return svg(
    "svg",
    { class: `ft-mark ft-mark-${one}`, viewBox: "0 0 16 16", role: title ? "img" : null, "aria-hidden": title ? null : "true" },
    title ? svg("title", null, title) : null,
    (SHAPES[one] ?? SHAPES.unknown)(),
  );
}

/** Replace a mark in place when the look changed. */
export function setMark(holder, one, title = null) {
  if (holder.dataset.look === one && holder.title === (title ?? "")) return;
  holder.dataset.look = one;
  holder.title = title ?? "";
  holder.replaceChildren(mark(one, title));
}
