// How an alarm's value, place and times are said.
import { named } from "../directory.js";
import { faultWord } from "../fleet/errors.js";
import { number, shortName, shownAs, value } from "../format.js";
import { live } from "../live.js";
import { stateWord, t } from "../words.js";

const column = (row) => live.directory.signals.get(`${row.asset}:${row.signal}`)?.column ?? { kind: "gauge", unit: row.unit ?? "", symbol: row.unit ?? "", role: "", name: row.signal ?? "", low: null, high: null };

/** {text, unit} of a number or a word of an alarm: its value, or its limit. */
export function valueOf(row, given = row.value) {
  if (given === null || given === undefined) return { text: "–", unit: "" };
  if (typeof given === "string") return { text: stateWord(given) || "–", unit: "" };
  const one = column(row);
  if (!row.signal) return { text: number(given, Math.abs(given) < 10 ? 2 : 1), unit: "" };
  return { text: value(one, given), unit: shownAs(one).symbol ?? "" };
}

export const inLanguage = (text, lang) => text?.[lang] || text?.en || "";

/** What an alarm is called; the signal is said where the rule looks at several. */
export function alarmName(row, lang) {
  const text = inLanguage(row.name, lang);
  const id = row.id ?? row.alarm ?? "";
  if (id.split(":").length < 3) return text;
  const one = column(row);
  const joint = ["joint_position", "joint_velocity", "joint_effort", "joint_temperature"].includes(one.role) ? `J${(one.index ?? 0) + 1}` : "";
  const which = joint || inLanguage(one.label, lang) || faultWord(row.signal);
  return which ? `${text} (${which})` : text;
}

/** The names of the places above an asset, the site first. */
export function placesOf(asset, lang) {
  const site = live.directory.sites.get(asset.split("/")[0]);
  if (!site) return asset.split("/").slice(0, -1);
  const above = (site.places ?? []).filter((place) => asset.startsWith(`${place.id}/`)).sort((a, b) => a.id.length - b.id.length);
  return [named(site, lang), ...above.map((place) => named(place, lang))];
}

/** In a list: the site and the nearest place. */
export function areaOf(asset, lang) {
  const places = placesOf(asset, lang);
  return places.length > 1 ? `${places[0]} ${places[places.length - 1]}` : (places[0] ?? "");
}

/** The path of the nearest place that has a name: what an area is chosen by. */
export function areaId(asset) {
  const site = live.directory.sites.get(asset.split("/")[0]);
  const above = (site?.places ?? []).filter((place) => asset.startsWith(`${place.id}/`)).sort((a, b) => b.id.length - a.id.length);
  return above[0]?.id ?? asset.split("/")[0];
}

export const letterWord = (letter) => t(`letter.${letter}`, {}, letter ?? "");
export const assetName = (row) => shortName(row.asset);

/** An id as an address part, slashes kept. */
export const path = (id) => id.split("/").map(encodeURIComponent).join("/");
export const alarmHref = (row) => `/alarms?alarm=${encodeURIComponent(row.id)}`;

/** Trends of what the alarm is about, around its time. */
export function trendHref(row) {
  const at = row.raised_ms ?? row.t_ms;
  const to = new Date(Math.min(at + 300_000, live.now())).toISOString();
  return `/trends?pen=${path(row.asset)}:${encodeURIComponent(row.signal)}&span=1200&to=${to}`;
}
