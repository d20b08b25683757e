// When a page has something to tell of itself, and how its address is read. Pure: no page, no network.

const LEAST_MS = 2000;
const PLAYING_MS = 5000;
const ACTIVE_MS = 15000;

/**
 * Whether there is something to tell. Pure.
 * @param {object|null} before what was told last, `now` what there is, `passed` ms since
 */
export function due(before, now, passed, active) {
  if (!before) return true;
  if (passed < LEAST_MS) return false;
  if (before.page !== now.page || (before.at_ms === null) !== (now.at_ms === null) || before.speed !== now.speed || before.playing !== now.playing) return true;
  if (before.at_ms !== now.at_ms && passed >= (now.playing ? PLAYING_MS : LEAST_MS)) return true;
  return active && passed >= ACTIVE_MS;
}

/** Pages whose address goes on with what they show; behind the others stands a part of the page. */
const SHOWS = new Set(["floor", "asset", "line", "cell", "fleet", "oee", "report", "whatif"]);

/** "/cell/jeonju/weld/line1/R-101" → ["cell", "R-101"]; the overview has no path. */
export function pageOf(path) {
  const [page, ...rest] = path.split("/").filter(Boolean);
  return [page ?? "overview", rest.length && SHOWS.has(page) ? decodeURIComponent(rest.at(-1)) : ""];
}
