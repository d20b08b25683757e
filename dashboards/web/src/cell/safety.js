// Which signals of an asset are about safety, by their role, else by what devices call them, and whether what they say is as it should be.

// In this order they are shown. A flag or a word; `well` are the words (lower case) that mean that nothing is wrong.
const KINDS = [
  { kind: "e_stop", names: /(^|[._/ ])(e[-_ ]?stop|emergency[-_ ]?stop)/i, well: ["none", "false", "off", "ok", "normal", "released", "inactive"] },
  { kind: "protective_stop", names: /protective[-_ ]?stop/i, well: ["none", "false", "off", "ok", "normal", "released", "inactive"] },
  { kind: "door", names: /(door|gate|guard|interlock)/i, well: ["closed", "locked", "ok", "true", "normal"] },
  { kind: "zone", names: /(field[-_ ]?violation|zone|fence|light[-_ ]?curtain|scanner|area[-_ ]?clear)/i, well: ["none", "clear", "free", "empty", "false", "ok", "normal"] },
  { kind: "safety_mode", names: /safety/i, well: ["normal", "ok", "1", "reduced"] },
];
const BY_ROLE = { e_stop: "e_stop", protective_stop: "protective_stop", guard: "door", zone: "zone" };
// A zone set or its version is a name, not a state.
const NOT = /zone[-_ ]?set|zones?[-_ ]?id|timezone/i;
// Flags that say that all is well when they are set; the others say that something is wrong.
const WELL_WHEN_SET = /closed|locked|clear$|_ok$|safe$/i;

/** The safety signals of an asset: [{kind, signal}], the most urgent kind first. */
export function safetySignals(asset) {
  const found = [];
  for (const stream of asset.streams) {
    const add = (column, at, isText) => {
      if (!isText && column.kind !== "flag") return;
      if (isText && column.kind !== "state") return;
      const byRole = BY_ROLE[column.role];
      const name = `${column.name} ${column.source_name ?? ""}`;
      const of = byRole ? KINDS.find((one) => one.kind === byRole) : NOT.test(name) ? null : KINDS.find((one) => one.names.test(column.name) || one.names.test(column.source_name ?? ""));
      if (of) found.push({ kind: of.kind, signal: { id: `${asset.id}:${column.name}`, asset: asset.id, stream, column, at, isText } });
    };
    stream.columns.forEach((column, at) => add(column, at, false));
    stream.texts.forEach((column, at) => add(column, at, true));
  }
  const rank = (one) => KINDS.findIndex((each) => each.kind === one.kind);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Whether a safety signal says that nothing is wrong; null where it says nothing. */
export function isWell({ kind, signal }, value) {
  if (value === undefined || value === null || value === "") return null;
  if (signal.isText) return KINDS.find((one) => one.kind === kind).well.includes(String(value).toLowerCase());
  const { column } = signal;
  if (BY_ROLE[column.role]) return value === 0;
  return WELL_WHEN_SET.test(column.name) || WELL_WHEN_SET.test(column.source_name ?? "") ? value !== 0 : value === 0;
}
