// One signal's points over a window: what the server drew, and the live tail behind it.
import { clock, fetchJson } from "../clock.js";
import { gapLength, pointsOf, slices, Tail } from "../downsample.js";
import { live } from "../live.js";

export class Lane {
  constructor(id) {
    this.id = id;
    this.history = [];
    this.until = -Infinity;
    this.gap_ms = 5000;
    this.tail = new Tail();
    this.failed = null;
    this.asked = null;
  }

  /** Points inside [from, to], and one before so that a line enters from the left. */
  *inside(from, to) {
    let before = null;
    for (const list of [this.history, this.tail.points]) {
      for (const point of list) {
        if (list !== this.history && point.t <= this.until) continue;
        if (point.t > to) return;
        if (point.t < from) {
          before = point;
          continue;
        }
        if (before) yield before;
        before = null;
        yield point;
      }
    }
    if (before) yield before;
  }

  /** No more points than `count` pixels can show; the slices stand still while the window moves. */
  thinned(from, to, count) {
    const points = [...this.inside(from, to)];
    if (points.length <= 2 * count) return points;
    const width = (to - from) / count;
    const start = Math.floor(from / width) * width;
    return slices(points, start, start + (count + 2) * width, count + 2);
  }

  /** Ask the server for [from, to); false when it failed, or when another question came after. */
  async fetch(from, to, count, signal) {
    const asked = (this.asked = {});
    const moment = clock.now();
    const query = new URLSearchParams({ signal: this.id, from_ms: Math.round(from), to_ms: Math.round(Math.min(moment, to)), max_points: count });
    if (clock.replaying) query.set("as_of_ms", Math.round(moment));
    try {
      const trend = await fetchJson(`/view/trend?${query}`, signal);
      if (this.asked !== asked) return false;
      this.take(trend);
      return true;
    } catch (error) {
      if (signal.aborted || this.asked !== asked) return false;
      this.failed = String(error?.message ?? error);
      return false;
    }
  }

  take(trend) {
    this.gap_ms = gapLength(trend.t_ms, live.directory.signals.get(this.id)?.stream.stale_after_s);
    this.history = pointsOf(trend, this.gap_ms);
    this.until = trend.t_ms.length ? trend.t_ms[trend.t_ms.length - 1] : -Infinity;
    this.raw = trend.raw;
    this.failed = null;
  }
}
