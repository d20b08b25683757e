// What can be changed of each kind of target, and how a change is written: KEY=VALUE, as `twin whatif --set` takes it.

/** what: [least, most, step, first value, unit]; a text where there is no number. */
export const KINDS = {
  station: {
    down: [5, 240, 5, 30, "min"],
    cycle: [-50, 50, 1, -10, "%"],
    mtbf: [-80, 300, 5, 50, "%"],
    mttr: [-80, 300, 5, -30, "%"],
    scrap: [-100, 300, 10, -50, "%"],
  },
  buffer: { capacity: [-10, 20, 1, 5, "part"] },
  fleet: { count: [-3, 5, 1, 1, "robot"], job: [-50, 50, 1, -10, "%"] },
  shift: { shift: "08:00-12:00,12:20-20:00" },
};

const SHIFT = /^(all|\d\d:\d\d-\d\d:\d\d(,\d\d:\d\d-\d\d:\d\d)*)$/;

/** A first change of a target. */
export function fresh(target, what = Object.keys(KINDS[target.kind])[0]) {
  const range = KINDS[target.kind][what];
  return { id: target.id, kind: target.kind, what, value: typeof range === "string" ? range : range[3] };
}

/** KEY=VALUE of a change; "" where it changes nothing, or cannot be. */
export function written(change) {
  if (change.kind === "shift") return SHIFT.test(change.value) ? `shift=${change.value}` : "";
  const value = Number(change.value);
  if (!Number.isFinite(value) || value === 0) return "";
  const unit = KINDS[change.kind][change.what][4];
  const signed = `${value > 0 ? "+" : ""}${value}`;
  return `${change.id}.${change.what}=${unit === "min" ? `${value}min` : unit === "%" ? `${signed}%` : signed}`;
}

/** The change that a text writes; null where none of the targets has it. */
export function read(text, targets) {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 0) return null;
  if (key === "shift") return { id: "shift", kind: "shift", what: "shift", value };
  const dot = key.lastIndexOf(".");
  const target = targets.find((one) => one.id === key.slice(0, dot));
  const what = key.slice(dot + 1);
  const number = Number.parseFloat(value);
  if (!target || !KINDS[target.kind][what] || !Number.isFinite(number)) return null;
  return { id: target.id, kind: target.kind, what, value: number };
}

/** What a target's standard becomes, as the factory file gives it: 12 → 17; null where nothing is given. */
export function becomes(change, target) {
  const from = target?.standard;
  if (typeof from !== "number") return null;
  if (change.what === "cycle") return [from, from * (1 + change.value / 100)];
  if (change.what === "capacity" || change.what === "count") return [from, Math.max(0, from + change.value)];
  return null;
}
