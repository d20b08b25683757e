// Numbers of a what-if: how each figure is shown, where it stands on its axis, and what may be said of a difference.
import { number } from "../format.js";

/** name: [factor, decimals, unit]; in this order. */
export const SHOWN = {
  good: [1, 1, "part"],
  throughput: [1, 1, "/h"],
  oee: [100, 1, "%"],
  availability: [100, 1, "%"],
  quality_ratio: [100, 2, "%"],
  cycle_time: [1, 2, "s"],
  wip: [1, 1, "part"],
  energy_per_part: [1, 3, "kWh"],
  transports: [1, 1, "/h"],
};
export const LOWER = new Set(["cycle_time", "wip", "energy_per_part"]);

export const say = (name, value) => number(value * SHOWN[name][0], SHOWN[name][1]);

export function signed(name, value) {
  const text = say(name, value);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** The axis that holds all of these, with a little room: [low, high]. */
export function axis(values) {
  const known = values.filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return [low - room, high + room];
}

/** Where a value stands on an axis, in percent. */
export const at = (value, [low, high]) => `${(((value - low) / (high - low)) * 100).toFixed(2)}%`;

/** Two spreads as bars over the same edges: counts of each. */
export function histogram(one, other, most = 24) {
  const all = [...one, ...other];
  if (!all.length) return { edges: [], one: [], other: [] };
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const whole = all.every((value) => Number.isInteger(value));
  const width = Math.max((high - low) / most, whole ? 1 : 1e-9);
  const step = whole ? Math.ceil(width) : width;
  const count = Math.max(1, Math.floor((high - low) / step) + 1);
  const edges = Array.from({ length: count + 1 }, (_, i) => low + i * step);
  const counted = (values) => {
    const found = new Array(count).fill(0);
    for (const value of values) found[Math.min(count - 1, Math.floor((value - low) / step))]++;
    return found;
  };
  return { edges, one: counted(one), other: counted(other) };
}

/** How good a fit is: good, fair, poor, or none where nothing was fitted. */
export function goodness(fit) {
  if (fit.p === null || fit.p === undefined) return "none";
  return fit.used === "measured" ? "poor" : fit.p >= 0.05 ? "good" : "fair";
}

/** Fits worth a look first: those where something stands in, then poor ones, then by name. */
export function inOrder(fits) {
  const rank = { none: 1, poor: 0, fair: 2, good: 3 };
  return [...fits].sort((a, b) => rank[goodness(a)] - rank[goodness(b)] || a.what.localeCompare(b.what) || a.asset.localeCompare(b.asset));
}

/** The share of replications in which the variant made at least so many. */
export const shareOf = (values, least) => values.filter((value) => value >= least).length / values.length;
