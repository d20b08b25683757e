// Korea as an outline of our own, hubs at their places, and ways where data went.
import { el, svg } from "../dom.js";

// [latitude, longitude]: the coast and the border in few points, drawn by hand.
const MAINLAND = [
  [38.61, 128.36], [38.2, 128.6], [37.88, 128.83], [37.7, 128.98], [37.45, 129.18], [37.05, 129.42], [36.7, 129.48], [36.4, 129.43],
  [36.1, 129.42], [36.02, 129.4], [36.08, 129.57], [35.85, 129.53], [35.5, 129.45], [35.3, 129.26], [35.1, 129.1], [35.05, 128.95],
  [35.08, 128.78], [35.18, 128.6], [35.0, 128.55], [34.98, 128.72], [34.85, 128.74], [34.72, 128.62], [34.78, 128.45], [34.9, 128.33],
  [34.94, 128.07], [34.76, 128.03], [34.74, 127.88], [34.93, 127.83], [34.86, 127.7], [34.65, 127.77], [34.7, 127.6], [34.83, 127.5],
  [34.6, 127.5], [34.46, 127.35], [34.55, 127.15], [34.72, 127.3], [34.62, 127.0], [34.43, 126.92], [34.32, 126.53], [34.55, 126.5],
  [34.42, 126.28], [34.52, 126.18], [34.68, 126.32], [34.78, 126.38], [34.95, 126.4], [35.08, 126.28], [35.25, 126.38], [35.4, 126.43],
  [35.55, 126.47], [35.63, 126.55], [35.75, 126.68], [35.88, 126.68], [36.0, 126.68], [36.15, 126.52], [36.33, 126.5], [36.5, 126.42],
  [36.42, 126.35], [36.62, 126.3], [36.72, 126.13], [36.88, 126.2], [36.93, 126.38], [37.0, 126.55], [36.97, 126.78], [37.12, 126.78],
  [37.25, 126.68], [37.38, 126.63], [37.5, 126.58], [37.62, 126.52], [37.76, 126.6], [37.85, 126.68], [37.97, 126.72], [38.1, 126.9],
  [38.25, 127.15], [38.3, 127.5], [38.32, 127.85], [38.3, 128.05], [38.4, 128.25],
];
const JEJU = [[33.5, 126.42], [33.56, 126.72], [33.5, 126.92], [33.36, 126.88], [33.25, 126.6], [33.2, 126.32], [33.3, 126.16], [33.43, 126.27]];
const [NORTH, WEST, SOUTH, EAST] = [38.7, 125.7, 33.1, 130.1];
const COS = Math.cos((36 * Math.PI) / 180);

export const WIDTH = 400;
export const SCALE = WIDTH / ((EAST - WEST) * COS);
export const HEIGHT = Math.round((NORTH - SOUTH) * SCALE);

/** Where a place lies on the map, in its own units. */
export const project = ([lat, lon]) => [(lon - WEST) * COS * SCALE, (NORTH - lat) * SCALE];

const outline = (points) => `M${points.map((point) => project(point).map((v) => v.toFixed(1)).join(",")).join("L")}Z`;
const inside = ([lat, lon]) => lat > SOUTH && lat < NORTH && lon > WEST && lon < EAST;

/** The mark of a role: a square makes and uses data, a circle keeps them, a diamond labels them. */
export function mark(role, x, y, size, ours = false) {
  if (role === "labelling") return svg("path", { d: `M${x},${y - size}L${x + size},${y}L${x},${y + size}L${x - size},${y}Z`, class: "hub-mark is-hollow" });
  if (role === "data_zone") return svg("circle", { cx: x, cy: y, r: size * 0.9, class: "hub-mark" });
  return svg("rect", { x: x - size * 0.85, y: y - size * 0.85, width: size * 1.7, height: size * 1.7, class: `hub-mark${ours ? " is-ours" : ""}` });
}

/** @param places {id, position, role, ours, lines: [texts]}; flows: [from id, to id] */
export function koreaMap(places, flows, label) {
  const shown = places.filter((place) => place.position && inside(place.position));
  const at = new Map(shown.map((place) => [place.id, project(place.position)]));
  const map = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "hub-map", role: "img", "aria-label": label });
  map.append(svg("path", { d: outline(MAINLAND), class: "hub-land" }), svg("path", { d: outline(JEJU), class: "hub-land" }));
  for (const [from, to] of flows) {
    if (!at.has(from) || !at.has(to)) continue;
    const [[x1, y1], [x2, y2]] = [at.get(from), at.get(to)];
    map.append(svg("path", { class: "hub-flow", d: `M${x1},${y1}Q${(x1 + x2) / 2 + (y2 - y1) * 0.15},${(y1 + y2) / 2 - (x2 - x1) * 0.15} ${x2},${y2}` }));
  }
  const taken = [];
  for (const place of shown.sort((a, b) => at.get(a.id)[1] - at.get(b.id)[1])) {
    const [x, y] = at.get(place.id);
    const left = x < WIDTH * 0.42;
    let top = y - 12;
    for (const one of taken) if (one.left === left && Math.abs(one.x - x) < 190 && top < one.bottom) top = one.bottom;
    taken.push({ left, x, bottom: top + place.lines.length * 20 + 3 });
    const texts = place.lines.map((text, i) => svg("text", { x: x + (left ? -16 : 16), y: top + 6 + i * 20, class: `hub-text${i ? "" : " is-name"}${left ? " is-left" : ""}` }, text));
    map.append(mark(place.role, x, y, 10, place.ours), ...texts);
  }
  return el("div", { class: "hub-map-b" }, map);
}
