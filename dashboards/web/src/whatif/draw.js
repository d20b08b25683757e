// What a what-if draws: a row of intervals, the fan of parts made, two spreads, a law beside what was measured.
import { el, svg } from "../dom.js";
import { minute, number } from "../format.js";
import { t } from "../words.js";
import { at, axis, histogram, LOWER, say, SHOWN, signed } from "./figures.js";

/** One figure: baseline above, variant below, what happened as a diamond, and the paired difference. */
export function figureRow(name, answer, scope) {
  const [base, other] = [answer.baseline[scope][name], answer.variant[scope][name]];
  const apart = answer.paired_difference[scope][name];
  const real = answer.actual?.[scope]?.[name] ?? null;
  const scale = axis([...base.range, ...other.range, base.mean, other.mean, real ?? base.mean]);
  const marks = (one, y, kind) => [
    svg("line", { x1: at(one.range[0], scale), x2: at(one.range[1], scale), y1: y, y2: y, class: `wi-thin ${kind}` }),
    one.ci && svg("line", { x1: at(one.ci[0], scale), x2: at(one.ci[1], scale), y1: y, y2: y, class: `wi-thick ${kind}` }),
    svg("circle", { cx: at(one.mean, scale), cy: y, r: 4.5, class: `wi-dot ${kind}` }),
  ];
  const drawn = svg("svg", { class: "wi-row-p", width: "100%", height: 34, role: "img", "aria-label": `${t(`whatif.figure_${name}`)}: ${say(name, base.mean)} → ${say(name, other.mean)}` });
  drawn.append(svg("line", { x1: 0, x2: "100%", y1: 33.5, y2: 33.5, class: "wi-axis" }));
  for (const mark of [...marks(base, 9, "is-base"), ...marks(other, 24, "is-variant")]) if (mark) drawn.append(mark);
  if (real !== null) drawn.append(svg("text", { x: at(real, scale), y: 21, class: "wi-real", "text-anchor": "middle" }, "◆"));
  const better = apart.better === null ? "" : apart.better ? "is-better" : "is-worse";
  return el(
    "div",
    { class: "wi-row" },
    el("div", { class: "wi-row-n" }, el("b", null, t(`whatif.figure_${name}`)), el("small", null, `${unitText(name)}${LOWER.has(name) ? ` · ${t("whatif.lower")}` : ""}`)),
    el("div", { class: "wi-row-c" }, drawn, el("div", { class: "wi-row-a" }, el("span", null, say(name, scale[0])), el("span", null, say(name, scale[1])))),
    el("div", { class: "wi-row-v" }, el("b", { class: "is-base" }, say(name, base.mean)), el("b", { class: "is-variant" }, say(name, other.mean)), real === null ? null : el("small", null, `◆ ${say(name, real)}`)),
    el("div", { class: `wi-row-d ${apart.distinct ? better : "is-chance"}` }, el("b", null, signed(name, apart.mean)), el("small", null, apart.ci ? `[${signed(name, apart.ci[0])}, ${signed(name, apart.ci[1])}]` : ""), apart.distinct ? null : el("small", null, t("whatif.chance"))),
  );
}

export function unitText(name) {
  const unit = SHOWN[name][2];
  return unit === "part" ? t("unit.part") : unit;
}

/** Parts made over the horizon: bands of both, what happened as steps. */
export function fan(answer, scope, zone) {
  const [wide, tall] = [1000, 300];
  const { baseline, variant, actual } = answer.made;
  const bands = [baseline[scope], variant[scope]];
  const real = actual?.[scope] ?? null;
  const most = Math.max(1, ...bands.map((band) => band["97.5"].at(-1)), real?.at(-1) ?? 0);
  const x = (i) => (i / (answer.grid_s.length - 1)) * wide;
  const y = (value) => tall - (value / most) * (tall - 12) - 2;
  const line = (values) => values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const area = (low, high) => `${line(low)} ${high.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).reverse().join(" ")}`;
  const drawn = svg("svg", { viewBox: `0 0 ${wide} ${tall}`, preserveAspectRatio: "none", class: "wi-fan-p", role: "img", "aria-label": t("whatif.made") });
  for (const share of [0.25, 0.5, 0.75]) drawn.append(svg("line", { x1: 0, x2: wide, y1: y(most * share), y2: y(most * share), class: "wi-grid" }));
  bands.forEach((band, i) => {
    const kind = i ? "is-variant" : "is-base";
    drawn.append(svg("polygon", { points: area(band["2.5"], band["97.5"]), class: `wi-band ${kind}` }), svg("polygon", { points: area(band["16"], band["84"]), class: `wi-band ${kind}` }));
  });
  bands.forEach((band, i) => drawn.append(svg("polyline", { points: line(band["50"]), class: `wi-mid ${i ? "is-variant" : "is-base"}` })));
  if (real) drawn.append(svg("polyline", { points: real.map((value, i) => (i ? `${x(i).toFixed(1)},${y(real[i - 1]).toFixed(1)} ` : "") + `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" "), class: "wi-mid is-real" }));
  const start = Date.parse(answer.at);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => el("span", null, minute(start + share * answer.hours * 3600000, zone)));
  const ends = [
    [bands[0]["50"].at(-1), "is-base"],
    [bands[1]["50"].at(-1), "is-variant"],
    [real?.at(-1) ?? null, "is-real"],
  ].filter(([value]) => value !== null);
  return el(
    "div",
    { class: "wi-fan" },
    el("div", { class: "wi-fan-y" }, [1, 0.75, 0.5, 0.25, 0].map((share) => el("span", null, number(most * share, 0)))),
    el("div", { class: "wi-fan-c" }, drawn),
    el("div", { class: "wi-fan-e" }, ends.sort((a, b) => b[0] - a[0]).map(([value, kind]) => el("b", { class: kind }, `${kind === "is-real" ? "◆ " : ""}${number(value, 0)}`))),
    el("div", { class: "wi-fan-x" }, ticks),
  );
}

/** How the good parts of all replications are spread, of both, and what happened. */
export function spread(answer, scope) {
  const bars = histogram(answer.spread.baseline[scope] ?? [], answer.spread.variant[scope] ?? []);
  const real = answer.actual?.[scope]?.good ?? null;
  const most = Math.max(1, ...bars.one, ...bars.other);
  const ends = [bars.edges[0] ?? 0, bars.edges.at(-1) ?? 1];
  const scale = real === null ? ends : [Math.min(ends[0], real), Math.max(ends[1], real + 1)];
  const drawn = svg("svg", { class: "wi-spread-p", width: "100%", height: "100%", role: "img", "aria-label": t("whatif.spread") });
  const width = (a, b) => `${(((b - a) / (scale[1] - scale[0])) * 100).toFixed(2)}%`;
  for (const [counts, kind] of [[bars.one, "is-base"], [bars.other, "is-variant"]])
    counts.forEach((count, i) => {
      if (count) drawn.append(svg("rect", { x: at(bars.edges[i], scale), width: width(bars.edges[i], bars.edges[i + 1]), y: `${100 - (count / most) * 92}%`, height: `${(count / most) * 92}%`, class: `wi-bar ${kind}` }));
    });
  if (real !== null) drawn.append(svg("line", { x1: at(real, scale), x2: at(real, scale), y1: 0, y2: "100%", class: "wi-real-l" }));
  return el("div", { class: "wi-spread" }, drawn, el("div", { class: "wi-row-a" }, el("span", null, number(scale[0], 0)), real === null ? null : el("span", { class: "is-real wi-at", style: `left:${at(real, scale)}` }, `◆ ${number(real, 0)}`), el("span", null, number(scale[1], 0))));
}

/** What was measured as bars, the best law as a line. */
export function law(fit) {
  const drawn = svg("svg", { viewBox: "0 0 100 34", preserveAspectRatio: "none", class: "wi-law-p", "aria-hidden": "true" });
  if (!fit.bars.length) return drawn;
  const most = Math.max(...fit.bars, ...fit.curve);
  const step = 100 / fit.bars.length;
  fit.bars.forEach((count, i) => drawn.append(svg("rect", { x: i * step, width: Math.max(0.4, step - 0.6), y: 34 - (count / most) * 32, height: (count / most) * 32, class: "wi-law-b" })));
  drawn.append(svg("polyline", { points: fit.curve.map((value, i) => `${((i + 0.5) * step).toFixed(2)},${(34 - (value / most) * 32).toFixed(2)}`).join(" "), class: "wi-law-l" }));
  return drawn;
}
