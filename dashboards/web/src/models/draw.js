// What a model's page draws: ratios over time on a logarithmic axis, and what each signal adds as bars.
import { el, svg } from "../dom.js";
import { minute, number } from "../format.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 10, 22];
const LOWEST = 0.01;

/** A ratio as it is read: 0.42, 12.3, 4,155. */
export const ratio = (value) => number(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);

/** A power of ten as an axis has it: 0.01, 1, 1,000, 10⁵. */
export const powerOf = (power) => (power > 3 ? `10${[...String(power)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}` : number(10 ** power, Math.max(0, -power)));

/** The powers of ten that hold all values, 0.1 … 10 at least: [lowest, highest] exponent. */
export function decades(values) {
  const known = values.filter((value) => Number.isFinite(value) && value > 0);
  const low = Math.min(-1, ...known.map((value) => Math.floor(Math.log10(Math.max(LOWEST, value)))));
  const high = Math.max(1, ...known.map((value) => Math.ceil(Math.log10(value) - 1e-9)));
  return [low, high];
}

/** Runs of points that belong together: a pause longer than three usual steps, or a missing value, ends one. */
export function runs(t, values, step) {
  const found = [];
  let run = null;
  for (let i = 0; i < t.length; i += 1) {
    if (values[i] === null || values[i] === undefined) {
      run = null;
      continue;
    }
    if (run === null || t[i] - t[run.at(-1)] > 3 * step) found.push((run = []));
    run.push(i);
  }
  return found;
}

/** Pairs [from, to] of the times where an alarm stood. */
export function spells(t, alarm, step) {
  const found = [];
  for (let i = 0; i < t.length; i += 1) {
    if (!alarm[i]) continue;
    const last = found.at(-1);
    if (last && t[i] - last[1] <= 3 * step) last[1] = t[i];
    else found.push([t[i], t[i] + step]);
  }
  return found;
}

/** The lines of T², Q and the forest against time; `chosen` is the moment that is explained. */
export function ratioChart(detail, chosen, width, height, zone, words) {
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "md-chart", role: "img", "aria-label": words.title });
  const { t_ms: t, from_ms: from, to_ms: to } = detail;
  const [low, high] = decades([...detail.t2, ...detail.q, ...detail.forest]);
  const [w, h] = [width - LEFT - RIGHT, height - TOP - BOTTOM];
  const x = (at) => LEFT + ((at - from) / Math.max(1, to - from)) * w;
  const y = (value) => TOP + h * (1 - (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low));
  const step = t.length > 1 ? Math.max(detail.step_ms, (t.at(-1) - t[0]) / (t.length - 1)) : detail.step_ms;
  for (const [a, b] of spells(t, detail.alarm, step)) chart.append(svg("rect", { x: x(a), width: Math.max(2, x(b) - x(a)), y: TOP, height: h, class: "md-alarm" }, svg("title", null, words.alarm)));
  for (let power = low; power <= high; power += 1) {
    chart.append(
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(10 ** power), y2: y(10 ** power), class: power === 0 ? "md-limit" : "md-grid" }),
      svg("text", { x: LEFT - 6, y: y(10 ** power) + 4, class: `md-t is-end${power === 0 ? " is-b" : ""}` }, powerOf(power)),
    );
  }
  const ticks = Math.max(2, Math.min(8, Math.floor(w / 110)));
  for (let i = 0; i <= ticks; i += 1) {
    const at = from + ((to - from) * i) / ticks;
    chart.append(svg("text", { x: x(at), y: height - 6, class: `md-t ${i === 0 ? "" : i === ticks ? "is-end" : "is-mid"}` }, minute(at, zone)));
  }
  for (const [name, values] of [["forest", detail.forest], ["q", detail.q], ["t2", detail.t2]])
    for (const run of runs(t, values, step)) {
      if (run.length === 1) chart.append(svg("circle", { cx: x(t[run[0]]), cy: y(values[run[0]]), r: 1.6, class: `md-dot is-${name}` }));
      else chart.append(svg("polyline", { points: run.map((i) => `${x(t[i]).toFixed(1)},${y(values[i]).toFixed(1)}`).join(" "), class: `md-line is-${name}` }));
    }
  if (chosen !== null && chosen >= from && chosen <= to) chart.append(svg("line", { x1: x(chosen), x2: x(chosen), y1: TOP, y2: TOP + h, class: "md-chosen" }));
  return { chart, at: (px) => from + (Math.max(0, Math.min(w, px - LEFT)) / Math.max(1, w)) * (to - from) };
}

/** What each signal adds to T² and Q, as shares of their limits: two bars a signal, the most first. */
export function blameBars(blame, nameOf, words, most = 12) {
  const rows = blame.rows.slice(0, most);
  const top = Math.max(1e-9, ...rows.flatMap((row) => [row.t2, row.q]));
  const bar = (value, kind) => {
    const mark = el("i", { class: `is-${kind}` });
    mark.style.width = `${Math.max(0, Math.min(1, value / top)) * 100}%`;
    return el("span", { class: "md-bar", title: `${words[kind]} ${ratio(value)}` }, mark);
  };
  return el(
    "div",
    { class: "md-blame" },
    rows.flatMap((row) => [
      el("span", { class: "md-sensor", title: row.signal }, nameOf(row)),
      el("span", { class: "md-bars" }, bar(row.t2, "t2"), bar(row.q, "q")),
      el("span", { class: "md-n num" }, ratio(Math.max(row.t2, row.q))),
    ]),
  );
}
