// What a mobile robot says is wrong, out of the list that comes as JSON: [["WARNING type (orderId=…,nodeId=…)", "words"], …].

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
