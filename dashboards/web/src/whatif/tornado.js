// Which setting matters most: a bar for each step down and up, the greatest swing first, each with its interval.
import { el, svg } from "../dom.js";
import { number } from "../format.js";
import { t } from "../words.js";
import { unitText } from "./draw.js";
import { say, SHOWN, signed } from "./figures.js";

export const MOST_ROWS = 24;

/** The scale of all rows: as far to both sides as the farthest interval; [low, high] around 0. Pure. */
export function scaleOf(rows) {
  const ends = rows.flatMap((row) => [row.low, row.high].filter(Boolean).flatMap((one) => one.ci ?? [one.mean]));
  const most = Math.max(1e-9, ...ends.map(Math.abs));
  return [-most, most];
}

/** Rows that changed anything, and how many of them are no more than chance. Pure. */
export function rowsOf(swings) {
  const moved = swings.filter((row) => row.swing > 0);
  return { shown: moved.filter((row) => row.distinct).slice(0, MOST_ROWS), chance: moved.filter((row) => !row.distinct).length };
}

/** "MT-04.cycle" → ["MT-04", "cycle"]; of a whole id the last part. Pure. */
export function partsOf(key) {
  const dot = key.lastIndexOf(".");
  return dot < 0 ? [key, ""] : [key.slice(0, dot).split("/").at(-1), key.slice(dot + 1)];
}

/** The name of a setting in the page's words. */
export function settingText(key) {
  const [name, what] = partsOf(key);
  return `${name === "amr" ? t("whatif.fleet") : name} ${t(`whatif.what_${what}`, {}, what)}`;
}

export function tornado(answer, scope, name) {
  const { shown, chance } = rowsOf(answer.swings[scope]?.[name] ?? []);
  const base = answer.baseline[scope][name].mean;
  const scale = scaleOf(shown);
  const steps = new Map(answer.levers.map((one) => [one.key, one]));
  const head = el("div", { class: "wi-tor-h" }, el("span", null, t("whatif.setting")), el("span", { class: "wi-tor-x" }, el("span", null, signed(name, scale[0])), el("b", null, `${say(name, base)} ${unitText(name)}`), el("span", null, signed(name, scale[1]))), el("span", null, t("whatif.step_down")), el("span", null, t("whatif.step_up")));
  const rows = shown.map((row) => rowOf(row, steps.get(row.key), name, scale));
  const rest = chance ? el("p", { class: "cap wi-tor-c" }, t("whatif.swing_chance", { n: chance })) : null;
  return shown.length ? [head, ...rows, rest].filter(Boolean) : [el("p", { class: "ft-empty" }, t("whatif.swing_none"))];
}

function rowOf(row, step, name, scale) {
  const x = (value) => ((value - scale[0]) / (scale[1] - scale[0])) * 100;
  const drawn = svg("svg", { class: "wi-tor-p", width: "100%", height: 30, role: "img", "aria-label": settingText(row.key) });
  drawn.append(svg("line", { x1: "50%", x2: "50%", y1: 0, y2: 30, class: "wi-axis" }));
  for (const [side, y] of [["low", 3], ["high", 17]]) {
    const one = row[side];
    if (!one) continue;
    const [a, b] = [Math.min(x(0), x(one.mean)), Math.max(x(0), x(one.mean))];
    drawn.append(svg("rect", { x: `${a.toFixed(2)}%`, y, width: `${Math.max(0.15, b - a).toFixed(2)}%`, height: 10, class: `wi-tor-b is-${side}${one.distinct ? "" : " is-chance"}` }));
    if (one.ci) drawn.append(svg("line", { x1: `${x(one.ci[0]).toFixed(2)}%`, x2: `${x(one.ci[1]).toFixed(2)}%`, y1: y + 5, y2: y + 5, class: "wi-tor-i" }));
  }
  const cell = (side) => {
    const one = row[side];
    if (!one) return el("span", { class: "wi-tor-v" }, "–");
    const look = one.distinct ? (one.better ? "is-better" : "is-worse") : "is-chance";
    const title = `${one.ci ? `[${signed(name, one.ci[0])}, ${signed(name, one.ci[1])}]` : ""} ${one.distinct ? "" : t("whatif.chance")}`.trim();
    return el("span", { class: `wi-tor-v ${look}`, title }, el("b", null, signed(name, one.mean)), el("small", null, step?.[side] ?? ""));
  };
  return el("div", { class: "wi-tor-r" }, el("b", { class: "wi-tor-n", title: row.key }, settingText(row.key)), drawn, cell("low"), cell("high"));
}

/** The first setting in words, and what it rests on. */
export function tornadoSaid(answer, scope, name) {
  const first = rowsOf(answer.swings[scope]?.[name] ?? []).shown[0];
  const lines = [];
  if (first) {
    const side = first.high === null || (first.low !== null && Math.abs(first.low.mean) >= Math.abs(first.high.mean)) ? "low" : "high";
    const step = answer.levers.find((one) => one.key === first.key)[side];
    lines.push(el("p", { class: "wi-said" }, t("whatif.said_swing", { what: settingText(first.key), step, n: `${signed(name, first[side].mean)} ${unitText(name)}` })));
  } else lines.push(el("p", { class: "wi-said" }, t("whatif.swing_none")));
  lines.push(el("p", null, t("whatif.said_one_by_one", { n: answer.levers.length, step: number(answer.step * 100) })));
  lines.push(el("p", { class: "cap" }, t("whatif.said_runs", { runs: number(answer.runs), n: number(answer.replications), s: number(answer.seconds, 1), times: number(answer.times_real_time, 0), seed: answer.seed })));
  return lines;
}

/** Figures that some setting moves, to choose from. */
export const figuresOf = (answer, scope) => Object.keys(SHOWN).filter((name) => answer.swings[scope]?.[name] && answer.baseline[scope]?.[name]);
