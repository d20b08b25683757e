// A trend's memory: points of min, mean, max in time order, thinned so that a spike survives any zoom.

/** Thin points into at most `count` equal slices of [from, to): min of mins, max of maxes, mean of means. */
export function slices(points, from, to, count) {
  const width = (to - from) / count;
  const found = [];
  let slice = -1;
  let sum = 0;
  let n = 0;
  let last = null;
  for (const point of points) {
    if (point.t < from || point.t >= to) continue;
    const s = Math.floor((point.t - from) / width);
    const gap = point.gap === true;
    if (s !== slice || gap) {
      if (last) last.mean = sum / n;
      last = { t: point.t, min: point.min, max: point.max, mean: point.mean, gap };
      found.push(last);
      slice = s;
      sum = point.mean;
      n = 1;
      continue;
    }
    last.min = Math.min(last.min, point.min);
    last.max = Math.max(last.max, point.max);
    sum += point.mean;
    n++;
  }
  if (last) last.mean = sum / n;
  return found;
}

/** Points of an answer of /view/trend. A hole longer than `gap_ms` (or a null value) becomes a break. */
export function pointsOf(trend, gap_ms) {
  const points = [];
  let broken = true;
  let before = -Infinity;
  for (let i = 0; i < trend.t_ms.length; i++) {
    const mean = trend.mean[i];
    if (mean === null || !Number.isFinite(mean)) {
      broken = true;
      continue;
    }
    const t = trend.t_ms[i];
    points.push({ t, min: trend.min[i] ?? mean, max: trend.max[i] ?? mean, mean, gap: broken || t - before > gap_ms });
    broken = false;
    before = t;
  }
  return points;
}

/** How long a hole must be to count as one: three usual distances, or what the stream says. */
export function gapLength(t_ms, stale_after_s) {
  const distances = [];
  for (let i = 1; i < t_ms.length; i++) distances.push(t_ms[i] - t_ms[i - 1]);
  distances.sort((a, b) => a - b);
  const usual = distances.length ? distances[distances.length >> 1] : 0;
  return Math.max(3 * usual, (stale_after_s ?? 0) * 1000, 1000);
}

/** Bounded live tail: appends in time order only, drops from the front. */
export class Tail {
  constructor(limit = 20000) {
    this.limit = limit;
    this.points = [];
  }

  push(t, value, gap_ms) {
    const last = this.points[this.points.length - 1];
    if (last && t <= last.t) return false;
    this.points.push({ t, min: value, max: value, mean: value, gap: !last || t - last.t > gap_ms });
    if (this.points.length > this.limit * 1.25) this.points.splice(0, this.points.length - this.limit);
    return true;
  }
}

/** Round tick values inside [low, high], about `count` of them. */
export function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((x) => x * power).find((x) => x >= raw);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) found.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return found;
}

const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Round moments inside [from, to] for an axis in a zone that is `offset_ms` ahead of UTC; {step_s, t: [...]}. */
export function timeTicks(from, to, count, offset_ms) {
  const raw = (to - from) / 1000 / Math.max(1, count);
  const step_s = STEPS_S.find((s) => s >= raw) ?? 86400 * Math.ceil(raw / 86400);
  const step = step_s * 1000;
  const t = [];
  for (let x = Math.ceil((from + offset_ms) / step) * step - offset_ms; x <= to; x += step) t.push(x);
  return { step_s, t };
}
