// What a figure was made of, in words: its formula, its inputs, how much of the time is known.
import { el } from "../dom.js";
import { number } from "../format.js";
import { t } from "../words.js";

export const SPANS = ["shift", "previous", "day", "yesterday", "week"];
export const FACTORS = ["oee", "availability", "effectiveness", "quality_ratio"];

const COUNTED = new Set(["PQ", "GQ", "SQ", "RQ", "GP", "IP", "FE", "FE+1", "demand", "unseen", "unplanned"]);

/** The formula with its numbers filled in: "351.0 / 402.0 min". */
export function shown(name, row) {
  const { inputs } = row.kpis[name];
  const minutes = (key) => number(inputs[key] / 60, 1);
  if (name === "oee") return t("oee.is_product");
  if (name === "availability") return `${minutes("APT")} / ${minutes("PBT")} ${t("unit.min")}`;
  if (name === "effectiveness") return `${minutes("PRI*PQ")} / ${minutes("APT")} ${t("unit.min")}`;
  return `${number(inputs.GQ)} / ${number(inputs.PQ)} ${t("unit.part")}`;
}

/** One input as people read it: counts as they are, energy in kWh, times in minutes. */
export function inputText(key, value) {
  if (COUNTED.has(key)) return number(value);
  if (key === "energy/1000000") return `${number(value / 1e6, 2)} kWh`;
  if (key === "takt") return `${number(value, 1)} s`;
  return `${number(value / 60, 1)} ${t("unit.min")}`;
}

/** Why there is no value, in the reader's words; what the server says where there are none. */
export function whyText(why) {
  const zero = /^(\S+) is 0$/.exec(why ?? "");
  if (zero) return t("oee.why_zero", { what: zero[1] });
  const known = { "an asset has no planned run time per item": "no_pri", "nothing is metered": "no_meter", "neither takt nor demand is given": "no_demand", "nothing is known of the planned time": "nothing_known" }[why];
  return known ? t(`oee.why_${known}`) : (why ?? "");
}

/** The lines of the pop-up: name, inputs, coverage, the other convention, why there is no value. */
export function inputsOf(name, kpi) {
  const rows = Object.entries(kpi.inputs ?? {}).map(([key, value]) => [key === "energy/1000000" ? t("kpi_input.energy") : `${key} ${t(`kpi_input.${key.replace(/\W+/g, "_")}`, {}, "")}`.trim(), inputText(key, value)]);
  if (kpi.other) rows.push([t("oee.other_convention", { name: kpi.other.convention }), kpi.other.value === null ? "–" : `${number(kpi.other.value / 60, 1)} ${t("unit.min")}`]);
  rows.push([t("oee.coverage"), kpi.coverage === null ? "–" : `${number(kpi.coverage * 100, 1)} %`]);
  return [
    el("p", null, el("b", null, t(`kpi.${name}`)), " ", t(`kpi_formula.${name}`)),
    kpi.value === null ? el("p", { class: "oee-pop-why" }, whyText(kpi.why_none)) : null,
    el("dl", null, rows.flatMap(([label, text]) => [el("dt", null, label), el("dd", null, text)])),
  ].filter(Boolean);
}
