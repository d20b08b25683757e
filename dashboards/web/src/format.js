// Numbers, units, moments and ages as people read them.
import { t } from "./words.js";

const MINUS = "\u2212";
const DEGREE = 180 / Math.PI;

/** A number with fixed decimals, a true minus, commas at thousands; a dash for none. */
export function number(value, decimals = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const fixed = Math.abs(value).toFixed(decimals);
  const [whole, part] = fixed.split(".");
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
  return value < 0 && Number(fixed) !== 0 ? MINUS + text : text;
}

// What people read: factor, decimals, symbol, by UCUM code. Others keep their symbol and get decimals by size.
const SHOWN = {
  rad: [DEGREE, 1, "°"],
  "rad/s": [DEGREE, 0, "°/s"],
  "N.m": [1, 1, null],
  N: [1, 0, null],
  Cel: [1, 1, null],
  m: [1, 2, null],
  mm: [1, 3, null],
  "m/s": [1, 2, null],
  "mm/s": [1, 1, null],
  "mm/min": [1, 0, null],
  s: [1, 1, null],
  kg: [1, 0, null],
  W: [1, 0, null],
  kW: [1, 1, null],
  "kW.h": [1, 1, null],
  V: [1, 1, null],
  A: [1, 1, null],
  "/min": [1, 0, null],
  "{part}": [1, 0, null],
  dB: [1, 1, null],
  bar: [1, 2, null],
  "ug/m3": [1, 1, null],
};
// Ratios that are no percentage, and roles that say a ratio is one.
const PERCENT_ROLES = new Set(["battery", "load"]);

/** How a signal's column is shown: value × factor, decimals, symbol. */
export function shownAs(column) {
  if (column.kind === "counter" || column.kind === "flag") return { factor: 1, decimals: 0, symbol: partSymbol(column) };
  if (column.unit === "1") {
    const percent = PERCENT_ROLES.has(column.role) || (column.high !== null && column.high <= 1 && !column.name.includes("factor"));
    return percent ? { factor: 100, decimals: 0, symbol: "%" } : { factor: 1, decimals: 2, symbol: column.symbol ?? "" };
  }
  if (column.role === "tool_opening" && column.unit === "m") return { factor: 1000, decimals: 1, symbol: "mm" };
  const known = SHOWN[column.unit];
  if (known) return { factor: known[0], decimals: known[1], symbol: known[2] ?? partSymbol(column) };
  return { factor: 1, decimals: 2, symbol: column.symbol ?? column.unit };
}

function partSymbol(column) {
  return column.unit === "{part}" ? t("unit.part") : (column.symbol ?? column.unit ?? "");
}

/** The value of a column as text, without its unit. */
export function value(column, raw) {
  if (!Number.isFinite(raw)) return "–";
  if (column.kind === "flag") return raw ? t("value.yes") : t("value.no");
  const { factor, decimals } = shownAs(column);
  return number(raw * factor, decimals);
}

/** A count made short: 1,284 or 38.2 M. */
export function short(count) {
  if (count === null || count === undefined) return "–";
  return number(count, 0);
}

const formats = new Map();

function parts(ms, zone) {
  let format = formats.get(zone);
  if (!format) {
    const options = { hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    try {
      format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone || undefined });
    } catch {
      format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: "UTC" });
    }
    formats.set(zone, format);
  }
  const found = {};
  for (const part of format.formatToParts(ms)) found[part.type] = part.value;
  return found;
}

const milli = (ms) => String(Math.floor(((ms % 1000) + 1000) % 1000)).padStart(3, "0");

/** 14:32:07, or with milliseconds 14:32:07.480, in the site's zone. */
export function time(ms, zone, millis = false) {
  if (!Number.isFinite(ms)) return "–";
  const p = parts(ms, zone);
  return `${p.hour}:${p.minute}:${p.second}${millis ? `.${milli(ms)}` : ""}`;
}

export function minute(ms, zone) {
  const p = parts(ms, zone);
  return `${p.hour}:${p.minute}`;
}

/** 2026-11-18 수 */
export function date(ms, zone) {
  const p = parts(ms, zone);
  const day = new Date(Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day))).getUTCDay();
  return `${p.year}-${p.month}-${p.day} ${t(`day.${day}`)}`;
}

export function monthDay(ms, zone) {
  const p = parts(ms, zone);
  return `${p.month}-${p.day}`;
}

/** How far the zone is ahead of UTC at a moment, ms. */
export function zoneOffset(ms, zone) {
  const p = parts(ms, zone);
  const local = Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day), Number(p.hour), Number(p.minute), Number(p.second));
  return local - Math.floor(ms / 1000) * 1000;
}

const ZONES = { "Asia/Seoul": "KST", "Asia/Tokyo": "JST", UTC: "UTC", "Etc/UTC": "UTC" };

export function zoneName(zone, ms) {
  if (ZONES[zone]) return ZONES[zone];
  const offset = zoneOffset(ms, zone) / 60000;
  const sign = offset < 0 ? MINUS : "+";
  const minutes = Math.abs(offset) % 60;
  return `UTC${sign}${Math.floor(Math.abs(offset) / 60)}${minutes ? `:${String(minutes).padStart(2, "0")}` : ""}`;
}

/** A label on a time axis whose ticks are step_s apart. */
export function tickLabel(ms, zone, step_s) {
  if (step_s >= 86400) return monthDay(ms, zone);
  if (step_s >= 60) return minute(ms, zone);
  if (step_s >= 1) return time(ms, zone);
  return `${time(ms, zone)}.${milli(ms).slice(0, 1)}`;
}

/** 0:25, 33:46, 1:26:23 */
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [h, m, r] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const two = (x) => String(x).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(r)}` : `${m}:${two(r)}`;
}

/** An age in words, coarse: "12초 전". */
export function age(ms) {
  if (!Number.isFinite(ms)) return "–";
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return t("age.now");
  if (s < 60) return t("age.seconds", { n: Math.floor(s) });
  if (s < 3600) return t("age.minutes", { n: Math.floor(s / 60) });
  if (s < 86400) return t("age.hours", { n: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
  return t("age.days", { n: Math.floor(s / 86400) });
}

/** How far back the replay stands, exactly: "2시간 37분 45초 전". */
export function ago(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [d, h, m, r] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
  const listed = [];
  if (d) listed.push(t("span.days", { n: d }));
  if (h) listed.push(t("span.hours", { n: h }));
  if (m && !d) listed.push(t("span.minutes", { n: m }));
  if (!d && !h) listed.push(t("span.seconds", { n: r }));
  return t("ago", { span: listed.join(" ") });
}

/** A span of seconds: "2.4 s", "8분". */
export function span(s) {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  if (s < 10) return `${number(s, 2)} s`;
  if (s < 120) return `${number(s, 0)} s`;
  if (s < 7200) return t("span.minutes", { n: Math.round(s / 60) });
  return t("span.hours", { n: Math.round(s / 3600) });
}

export function bytes(size) {
  if (size === null || size === undefined) return "–";
  if (size < 1e3) return `${number(size)} B`;
  if (size < 1e6) return `${number(size / 1e3, 1)} kB`;
  if (size < 1e9) return `${number(size / 1e6, 1)} MB`;
  return `${number(size / 1e9, 2)} GB`;
}

/** The last segment of an id: what people call an asset. */
export const shortName = (id) => id.slice(id.lastIndexOf("/") + 1);

/** What a name says besides the id it often begins with: "EM-2 assembly meter" → "assembly meter". */
export const besideId = (name, id) => (name.startsWith(id) ? name.slice(id.length).trim() : name);
