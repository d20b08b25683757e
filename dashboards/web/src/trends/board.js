// What a trend board shows, as values: pens, window, shift, cursors; read from an address and written into one.

export const MAX_PENS = 12;
export const MIN_SPAN_MS = 1000;
export const MAX_SPAN_MS = 31 * 86_400_000;
export const SPANS_S = [600, 3600, 8 * 3600, 86_400, 7 * 86_400, 30 * 86_400];
export const HOUR_S = 3600;
export const DAY_S = 86_400;

export const EMPTY = Object.freeze({ pens: [], span_ms: 600_000, to: null, shift_s: 0, lanes: false, a: null, b: null, picked: null });

const moment = (text) => {
  const ms = text === null ? NaN : /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
};
const within = (low, value, high) => Math.min(high, Math.max(low, value));

/** The board that an address asks for. */
export function read(search) {
  const query = new URLSearchParams(search);
  const span_s = Number(query.get("span"));
  const shift_s = Number(query.get("shift"));
  const pens = [...new Set(query.getAll("pen").filter((id) => /^[^:]+\/[^:]+:.+$/.test(id)))].slice(0, MAX_PENS);
  const picked = query.get("pick");
  return {
    pens,
    span_ms: span_s > 0 ? within(MIN_SPAN_MS, span_s * 1000, MAX_SPAN_MS) : EMPTY.span_ms,
    to: moment(query.get("to")),
    shift_s: shift_s > 0 ? Math.min(shift_s, MAX_SPAN_MS / 1000) : 0,
    lanes: query.get("view") === "lanes",
    a: moment(query.get("a")),
    b: moment(query.get("b")),
    picked: pens.includes(picked) ? picked : null,
  };
}

/** An address's query with the board in it; what is not the board's stays. */
export function write(board, search = "") {
  const query = new URLSearchParams(search);
  for (const name of ["pen", "span", "to", "shift", "view", "a", "b", "pick"]) query.delete(name);
  for (const id of board.pens) query.append("pen", id);
  query.set("span", String(+(board.span_ms / 1000).toFixed(3)));
  const time = (name, ms) => ms !== null && query.set(name, new Date(Math.round(ms)).toISOString());
  time("to", board.to);
  if (board.shift_s) query.set("shift", String(board.shift_s));
  if (board.lanes) query.set("view", "lanes");
  time("a", board.a);
  time("b", board.b);
  if (board.picked) query.set("pick", board.picked);
  // what an address may hold unencoded is easier to read, and shorter
  return query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
}

/** The board with a pen added, or taken away if it was there; unchanged when there is no room. */
export function toggled(board, id) {
  if (board.pens.includes(id)) return { ...board, pens: board.pens.filter((one) => one !== id), picked: board.picked === id ? null : board.picked };
  return board.pens.length < MAX_PENS ? { ...board, pens: [...board.pens, id] } : board;
}

/** What is seen, [from, to) in ms: a fixed end, else the page's clock, never beyond it. */
export function windowOf(board, now) {
  const to = Math.min(board.to ?? now, now);
  return { from: to - board.span_ms, to };
}

/** The board after zooming by a factor around a share (0 left, 1 right) of what is seen. */
export function zoomed(board, now, factor, share = 1) {
  const { from, to } = windowOf(board, now);
  const span_ms = within(MIN_SPAN_MS, board.span_ms * factor, MAX_SPAN_MS);
  const fixed = from + share * (to - from) + (1 - share) * span_ms;
  return { ...board, span_ms, to: board.to === null && share > 0.98 ? null : settled(fixed, now, span_ms) };
}

/** The board moved by a share of what is seen; at the clock it follows again. */
export function panned(board, now, share) {
  const { to } = windowOf(board, now);
  return { ...board, to: settled(to + share * board.span_ms, now, board.span_ms) };
}

/** The board that shows exactly [from, to). */
export function showing(board, now, from, to) {
  const span_ms = within(MIN_SPAN_MS, to - from, MAX_SPAN_MS);
  return { ...board, span_ms, to: settled(Math.max(from, to), now, span_ms) };
}

const settled = (to, now, span_ms) => (to >= now - span_ms / 500 ? null : to);

/** The board with a cursor set at a moment: A first, then B, then the nearer of the two moves. */
export function withCursor(board, at) {
  if (board.a === null) return { ...board, a: at };
  if (board.b === null) return { ...board, b: at };
  return Math.abs(at - board.a) <= Math.abs(at - board.b) ? { ...board, a: at } : { ...board, b: at };
}

/** Pens by the unit they are shown in, in order of appearance: each group shares an axis. */
export function axesOf(pens) {
  const found = new Map();
  for (const pen of pens) {
    const key = pen.symbol ?? "";
    if (!found.has(key)) found.set(key, { symbol: key, pens: [] });
    found.get(key).pens.push(pen);
  }
  return [...found.values()];
}

/** Low and high of an axis: of all points seen on it, with some room; null when there are none. */
export function rangeOf(lists) {
  let low = Infinity;
  let high = -Infinity;
  for (const { points, factor } of lists) {
    for (const point of points) {
      low = Math.min(low, point.min * factor);
      high = Math.max(high, point.max * factor);
    }
  }
  if (low > high) return null;
  const least = Math.max(Math.abs(low + high) * 0.002, 1e-9);
  const room = Math.max((high - low) * 0.06, least);
  return [low - room, high + room];
}

/** The last point at or before a moment, if it is not too old to stand for it. */
export function pointAt(points, at, gap_ms) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].t <= at) low = middle + 1;
    else high = middle;
  }
  const found = points[low - 1];
  return found && at - found.t <= gap_ms ? found : null;
}

/** Least, greatest and mean of what lies in [from, to]; each point weighs the time it stands for. */
export function summed(points, from, to, gap_ms) {
  let [min, max, sum, weight] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < points.length; i++) {
    const point = points[i];
    if (point.t < from || point.t > to) continue;
    min = Math.min(min, point.min);
    max = Math.max(max, point.max);
    const lasts = Math.max(1, Math.min((points[i + 1]?.t ?? point.t + 1) - point.t, gap_ms));
    sum += point.mean * lasts;
    weight += lasts;
  }
  return weight ? { min, max, mean: sum / weight } : null;
}
