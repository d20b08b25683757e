// How a replay's clock moves: speeds, loops, gaps, and what of it an address carries. Pure: no page, no network.
export const SPEEDS = [0.01, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128];
export const SLOWEST = 0.01;
export const FASTEST = 128;
/** The time bases of a replay: what was measured by a moment, or what had come in by then. */
export const [DEVICE, RECEIVE] = ["device", "receive"];
/** Read calls that can be asked by receipt; all others answer by device time. */
const BY_RECEIPT = /^\/(view\/(state|chunk|trend|lanes|events|overview|connections|line\/|cell\/|fleet)|api\/v1\/alarms)/;

/** The address of a call in a replay by that base. */
export const basedUrl = (url, base) => (base === RECEIVE && BY_RECEIPT.test(url) ? `${url}${url.includes("?") ? "&" : "?"}base=${RECEIVE}` : url);
/** Whether a page has figures by device time only, whatever the base of its replay. */
export const onlyDevice = (path) => /^\/(oee|report|hub|compare|whatif|label)(\/|$)/.test(path);
/** A loop shorter than this would be asked for anew with each tick. */
export const SHORTEST_LOOP_MS = 200;

/** A speed as a person types it ("2", "0,5x", "-4×"); null for what is none, or out of 0.01–128 either way. */
export function parseSpeed(text) {
  const written = String(text).trim().replace(/[×xX]$/, "").replace(",", ".").replace("−", "-").trim();
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(written)) return null;
  const speed = Number(written);
  const size = Math.abs(speed);
  return size >= SLOWEST && size <= FASTEST ? speed : null;
}

export function speedText(speed) {
  return `${speed < 0 ? "−" : ""}${Math.abs(speed)}×`;
}

/** The listed speed so many places faster or slower, in the same direction of time. */
export function nextSpeed(speed, places) {
  const size = Math.abs(speed);
  let at = SPEEDS.findIndex((one) => one >= size);
  // from a typed speed between two listed ones, slower is the one below, faster the one above
  if (SPEEDS[at] > size && places > 0) at--;
  return Math.sign(speed) * SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + places))];
}

/**
 * Where the clock is after so much time of a person's.
 * @param {number} at the replay clock, ms
 * @param {number} passed_ms real time since
 * @param {{speed: number, loop?: [number, number]|null, gaps?: [number, number][], first?: number}} how
 * @returns {{at: number, skipped: boolean, stop: boolean}} skipped: it leapt over a gap; stop: nothing lies before
 */
export function advance(at, passed_ms, { speed, loop = null, gaps = [], first = -Infinity }) {
  let next = at + passed_ms * speed;
  let skipped = false;
  const gap = gaps.find(([from, to]) => (speed > 0 ? next >= from && at < to : next < to && at >= from));
  if (gap) {
    next = speed > 0 ? Math.max(next, gap[1]) : Math.min(next, gap[0] - 1);
    skipped = true;
  }
  if (loop) {
    const [from, to] = loop;
    // a clock outside of its loop begins it
    if (speed > 0 && (next >= to || next < from)) next = from;
    else if (speed < 0 && (next < from || next >= to)) next = to - 1;
    return { at: next, skipped, stop: false };
  }
  return next < first ? { at: first, skipped, stop: true } : { at: next, skipped, stop: false };
}

/** Spans in which nothing was received, between the first and the last of what was: [[from, to], …] in ms. */
export function gapsOf({ t_ms: times, frames }) {
  const filled = times.filter((_, i) => frames[i] > 0);
  if (filled.length < 2) return [];
  let step = Infinity;
  for (let i = 1; i < times.length; i++) step = Math.min(step, times[i] - times[i - 1]);
  const gaps = [];
  for (let i = 1; i < filled.length; i++) if (filled[i] - filled[i - 1] > step * 1.5) gaps.push([filled[i - 1] + step, filled[i]]);
  return gaps;
}

/** What an address says of a replay: {at, speed, loop}, each null where it says nothing that can be used, and its time base. */
export function readAddress(query) {
  const at = Date.parse(query.get("at") ?? "");
  const [from, to] = (query.get("loop") ?? "").split("/").map((text) => Date.parse(text));
  return {
    at: Number.isFinite(at) ? at : null,
    speed: parseSpeed(query.get("speed") ?? ""),
    loop: to - from >= SHORTEST_LOOP_MS ? [from, to] : null,
    base: query.get("base") === RECEIVE ? RECEIVE : DEVICE,
  };
}

/** Writes a replay into an address's query; `at` null is live and leaves none of it. */
export function writeAddress(query, { at, speed, loop, base = DEVICE }) {
  const iso = (ms) => new Date(ms).toISOString();
  const said = { at: at === null ? null : iso(at), speed: at === null || speed === 1 ? null : String(speed), loop: at === null || !loop ? null : loop.map(iso).join("/"), base: at === null || base === DEVICE ? null : base };
  for (const [name, value] of Object.entries(said)) if (value === null) query.delete(name);
    else query.set(name, value);
}

/** An address's query as people can read it: colons and strokes of times as they are. */
export function readable(search) {
  return search.replaceAll("%3A", ":").replaceAll("%2F", "/");
}
