// What the synoptic reckons from the newest values, without drawing: why a station waits, how full a buffer is, work in progress.

/** @typedef {{level: number|undefined, capacity: number|undefined}} Fill */

export const isFull = ({ level, capacity }) => level !== undefined && capacity > 0 && level >= capacity;
export const isEmpty = ({ level, capacity }) => level !== undefined && capacity > 0 && level <= 0;

/**
 * Why a station waits, as the server's `cause_of_wait` says: a full buffer behind blocks (counts first), an empty one
 * before starves. "" where no buffer tells.
 * @param {Fill[]} before
 * @param {Fill[]} behind
 */
export function waitSide(before, behind) {
  if (behind.length && behind.every(isFull)) return "blocked";
  return before.length && before.every(isEmpty) ? "starved" : "";
}

/** The buffers before and behind each station: Map of asset id to {before, behind}, ids. */
export function neighbours(flow) {
  const found = new Map();
  let before = [];
  for (const step of flow.steps) {
    for (const id of [...step.stations, ...step.tenders]) found.set(id, { before, behind: step.buffers });
    before = step.buffers;
  }
  return found;
}

/** Parts in buffers, and how many there is room for; null where no buffer tells. */
export function inBuffers(fills) {
  const known = fills.filter(({ level }) => level !== undefined);
  if (!known.length) return null;
  const sum = (name) => known.reduce((total, fill) => total + (fill[name] ?? 0), 0);
  return { level: sum("level"), capacity: sum("capacity") || null };
}

/** Where a time of a cycle lies on a bar that ends a third beyond the takt (or beyond the longest cycle). */
export function cycleScale(row, longest_s) {
  const whole = row.takt_s ? row.takt_s * 1.3 : Math.max(1, longest_s * 1.15);
  return (s) => Math.min(1, Math.max(0, s / whole));
}
