// Which alarms a person asked to see, in what order: values, and functions of them.
import { byUrgency } from "./model.js";
import { alarmName, areaId, inLanguage } from "./say.js";

export const TABS = ["active", "waiting", "shelved", "hidden", "journal"];
export const NOTHING = Object.freeze({ site: "*", area: "", priorities: [], text: "", sort: "urgency", down: false });

/** Whether a row belongs on a tab. */
export const ON_TAB = {
  active: (row) => !"GHI".includes(row.letter),
  waiting: (row) => row.waits,
  shelved: (row) => row.letter === "G",
  hidden: (row) => row.letter === "H" || row.letter === "I",
};

const lower = (text) => (text ?? "").toLocaleLowerCase();

/** Whether a row, of the list or of the journal, is asked for. */
export function matches(row, filter, lang) {
  if (filter.site !== "*" && row.site !== filter.site) return false;
  if (filter.priorities.length && !filter.priorities.includes(row.priority)) return false;
  if (filter.area && areaId(row.asset) !== filter.area) return false;
  const words = lower(filter.text).split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = lower([row.asset, alarmName(row, lang), inLanguage(row.action, lang), row.rule, row.who, inLanguage(row.why_said, lang)].join(" "));
  return words.every((word) => text.includes(word));
}

const ORDERS = {
  urgency: byUrgency,
  time: (a, b) => (b.raised_ms ?? 0) - (a.raised_ms ?? 0) || byUrgency(a, b),
  asset: (a, b) => a.asset.localeCompare(b.asset, undefined, { numeric: true }) || byUrgency(a, b),
  priority: (a, b) => (a.priority ?? 5) - (b.priority ?? 5) || byUrgency(a, b),
};

/** The rows of a tab that are asked for, in the order that is asked for. */
export function chosen(rows, tab, filter, lang) {
  const found = rows.filter((row) => ON_TAB[tab](row) && matches(row, filter, lang));
  const order = ORDERS[filter.sort] ?? byUrgency;
  return found.sort(filter.down ? (a, b) => -order(a, b) : order);
}
