// What the labelling page decides without a page: snapping, names of parts, the next episode, what a person's keys say.
import { t } from "../words.js";

/** The boundary closest to a moment, if it lies within `reach`; else the moment itself. */
export function nearest(ms, bounds, reach) {
  let best = ms;
  let distance = reach;
  for (const { t_ms } of bounds) {
    if (Math.abs(t_ms - ms) <= distance) [best, distance] = [t_ms, Math.abs(t_ms - ms)];
  }
  return best;
}

/** What changes at a boundary; `name` is that of the signal, where it is one's level or spread. */
export function edgeWord({ what, signal }, name) {
  return signal ? `${name} · ${t(what.endsWith(" level") ? "label.change_level" : "label.change_spread")}` : what;
}

export const partWord = (one) => (one.channel === "segment" ? t(`label.segment_${one.label}`, {}, one.label) : one.label);

/** An episode as one sees it who has not judged it: what others said of its outcome would be repeated, not judged. */
export function unseen(one, me) {
  if (one.by.includes(me)) return one;
  return { ...one, labelled: false, by: [], outcome: one.suggested.outcome, cause: one.suggested.cause };
}

/** The episode `step` places on in the list, never past an end. */
export function stepped(episodes, id, step) {
  const at = episodes.findIndex((one) => one.id === id);
  if (at < 0) return episodes[0] ?? null;
  return episodes[Math.min(episodes.length - 1, Math.max(0, at + step))];
}

/** The first after `id` that nobody labelled, else the first of all such; null when none is left. */
export function waiting(episodes, id) {
  const at = episodes.findIndex((one) => one.id === id);
  return episodes.find((one, i) => i > at && !one.labelled) ?? episodes.find((one) => !one.labelled && one.id !== id) ?? null;
}

/** The causes that episodes were given, the most frequent first: a number key chooses one. */
export function causesOf(episodes, most = 9) {
  const counts = new Map();
  for (const { cause } of episodes) if (cause) counts.set(cause, (counts.get(cause) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, most).map(([cause]) => cause);
}

/** Cohen's kappa in words (Landis and Koch). */
export function kappaWord(kappa) {
  if (kappa === null) return t("label.kappa_none");
  const grades = [[0.8, "almost"], [0.6, "substantial"], [0.4, "moderate"], [0.2, "fair"]];
  return t(`label.kappa_${grades.find(([least]) => kappa > least)?.[1] ?? "slight"}`);
}
