// What an address says of a comparison, and the moments that people type. Pure: no page, no network.
import { parseSpeed } from "../playback.js";
import { zoneOffset } from "../format.js";

export const WAYS = ["offset", "clock", "event"];
export const MOST_SIGNALS = 4;

/** "event:Execute@R-1" → {way, shift, name}; what cannot be read is by offset. */
export function readAlign(text) {
  const [way, ...rest] = String(text ?? "").split(":");
  const said = rest.join(":");
  if (way === "event" && said) return { way, shift: 0, name: said };
  if (way === "clock") return { way, shift: 0, name: "" };
  const shift = Number(said || 0);
  return { way: "offset", shift: Number.isFinite(shift) ? shift : 0, name: "" };
}

export function writeAlign({ way, shift, name }) {
  if (way === "event") return `event:${name || "cycle"}`;
  if (way === "clock") return "clock";
  return shift ? `offset:${Number(shift.toFixed(3))}` : "offset";
}

/** The comparison in an address; a and b are "" where it names none. */
export function readCompare(query) {
  const at = Number(query.get("t") ?? NaN);
  return {
    a: query.get("a") ?? "",
    b: query.get("b") ?? "",
    align: readAlign(query.get("align")),
    site: query.get("site") ?? "",
    asset: query.get("asset") ?? "",
    at: query.has("t") && Number.isFinite(at) ? at : null,
    speed: parseSpeed(query.get("x") ?? "") ?? 1,
    signals: query.getAll("s").slice(0, MOST_SIGNALS),
    near: query.get("near") ?? "",
  };
}

export function writeCompare(query, { a, b, align, site, asset, at, speed, signals, near }) {
  const said = { a, b, align: writeAlign(align), site, asset, t: at === null ? "" : String(Number(at.toFixed(2))), x: speed === 1 ? "" : String(speed), near };
  for (const [name, value] of Object.entries(said)) if (value) query.set(name, value);
    else query.delete(name);
  query.delete("s");
  for (const one of signals) query.append("s", one);
}

/** "2026-11-20T14:03:22" as a wall clock in a zone shows it → ms; null for what is no moment. */
export function localMs(text, zone) {
  const utc = Date.parse(`${text}Z`);
  if (!Number.isFinite(utc)) return null;
  // twice: the offset of the zone is that of the moment that comes out
  const near = utc - zoneOffset(utc, zone);
  return utc - zoneOffset(near, zone);
}

/** ms → "2026-11-20T14:03:22" as a wall clock in a zone shows it. */
export const localText = (ms, zone) => new Date(ms + zoneOffset(ms, zone)).toISOString().slice(0, 19);

const iso = (ms) => new Date(ms).toISOString();
export const intervalText = (from, to) => `${iso(from)}..${iso(to)}`;

/** "FROM..TO" → [from, to] in ms; null for what is no interval. */
export function readInterval(text) {
  const [from, to] = String(text).split("..").map((one) => (/^\d+(\.\d+)?$/.test(one) ? Number(one) : Date.parse(one)));
  return Number.isFinite(from) && Number.isFinite(to) && to > from ? [from, to] : null;
}
