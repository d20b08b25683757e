// What a mobile robot says is wrong, out of the list that comes as JSON: [["WARNING type (orderId=…,nodeId=…)", "words"], …].

import { t } from "../words.js";

/** An error of VDA 5050 in the page's words, "LEVEL type" as it came where there are none for it. */
export function faultWord(key) {
  const { level, type } = readError([key]);
  const said = t(`fleet_error.${type}`, {}, type || key);
  return level && type ? `${said} (${t(`fleet_level.${level}`, {}, level)})` : said;
}

/** Lists that come as JSON; [] where there is none, or where it cannot be read. */
export function listed(text) {
  try {
    const found = JSON.parse(text || "[]");
    return Array.isArray(found) ? found.filter(Array.isArray) : [];
  } catch {
    return [];
  }
}

/** {level, type, node, said} of one error; what is not told is "". */
export function readError([key = "", said = ""]) {
  const found = /^(?:([A-Z]+) )?([^()]*?)\s*(?:\((.*)\))?$/.exec(String(key));
  const [, level = "", type = String(key), references = ""] = found ?? [];
  const node = references.split(",").map((one) => one.split("=")).find(([name]) => name.trim() === "nodeId")?.[1] ?? "";
  return { level, type, node, said: said ? String(said) : "" };
}
