// What is between two drawn tracks, column by column. Pure.

/** The value of points (t rising, mean) at t: a line between two that are no gap apart, or `held` until the next; null where not known. */
export function valueAt(points, t, gap, held = false) {
  let low = 0;
  let high = points.length - 1;
  if (high < 0 || t < points[0].t) return null;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle].t <= t) low = middle;
    else high = middle - 1;
  }
  const before = points[low];
  if (held) return before.mean;
  const after = points[low + 1];
  if (!after) return t - before.t <= gap ? before.mean : null;
  if (after.t - before.t > gap) return t - before.t <= gap ? before.mean : null;
  return before.mean + ((after.mean - before.mean) * (t - before.t)) / (after.t - before.t || 1);
}

/** A − B at `count` moments of [from, to]: [{t, d}], d null where one is not known. */
export function apart(a, b, from, to, count, gap, held = false) {
  const found = [];
  for (let i = 0; i < count; i++) {
    const t = from + ((to - from) * (i + 0.5)) / count;
    const [one, other] = [valueAt(a, t, gap, held), valueAt(b, t, gap, held)];
    found.push({ t, d: one === null || other === null ? null : one - other });
  }
  return found;
}

/** Points of a series on the relative axis, s; absent ones left out. */
export function pointsOn(series) {
  if (!series) return [];
  const points = [];
  series.t_s.forEach((t, i) => {
    if (Number.isFinite(series.mean[i])) points.push({ t, min: series.min[i], max: series.max[i], mean: series.mean[i] });
  });
  return points;
}

/** How long a hole must be to count as one: five usual distances, 1 s at least. */
export function gapOf(points) {
  const apart_ = points.slice(1).map((point, i) => point.t - points[i].t).sort((x, y) => x - y);
  return Math.max(1, 5 * (apart_[apart_.length >> 1] ?? 0));
}
