// A joint beside what a model expects of it: two bars of the same instants, and how far they are apart.
import { el, setStyle, setText, toggle } from "../dom.js";
import { number, time } from "../format.js";
import { t } from "../words.js";

const MOST = 12;
const OLD_MS = 30000;

/** The column of the joints' table. Without an answer that expects something it is not there. */
export class ModelColumn {
  constructor() {
    this.cells = [];
    this.answer = null;
  }

  get known() {
    return Boolean(this.answer?.joints.length);
  }

  hear(answer, zone) {
    this.answer = answer;
    this.zone = zone;
  }

  head() {
    this.cells = [];
    this.title = el("span", { class: "ft-th", role: "columnheader" }, t("joints.model"), " ", el("small", { class: "unit" }, "×"));
    return this.title;
  }

  /** What the two bars are. */
  legend() {
    return el("small", { class: "ft-jm-k" }, t("joints.model"), el("i", { class: "is-m" }), t("joints.measured"), el("i", { class: "is-e" }), t("joints.expected"));
  }

  /** A joint's cell; a click draws the trend of `signal`. `column` is the torque's, for its limits. */
  cell(index, signal, column, pick) {
    if (!signal || !column) return el("span", { role: "cell", class: "ft-jt-c is-none" }, "–");
    const shown = el("b");
    const measured = el("i", { class: "is-m" });
    const expected = el("i", { class: "is-e" });
    const node = el("span", { role: "cell", class: "ft-jt-c is-pickable", tabindex: "0", "data-signal": signal.id, "aria-label": t("signals.show_trend", { label: `J${index + 1} ${t("joints.model")}` }) }, shown, el("span", { class: "ft-jm" }, el("span", null, measured), el("span", null, expected)));
    node.addEventListener("click", () => pick(signal.id));
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      pick(signal.id);
    });
    this.cells.push({ index, node, shown, measured, expected, most: Math.max(Math.abs(column.low ?? 0), column.high ?? 0), signal });
    return node;
  }

  draw() {
    if (!this.known) return;
    const { joints, limit, fit, clock_ms, at_ms } = this.answer;
    const old = at_ms === null || clock_ms - at_ms > OLD_MS;
    const at = (instant) => time(instant, this.zone);
    if (this.title) this.title.title = fit ? t("joints.fit", { n: fit.n, at: at(fit.at_ms), from: at(fit.from_ms), to: at(fit.to_ms) }) : "";
    for (const cell of this.cells) {
      const joint = joints.find((one) => one.index === cell.index) ?? { measured: null, expected: null, residual: null };
      const scale = scaleOf(joints, cell);
      setText(cell.shown, residualText(joint.residual));
      setStyle(cell.measured, "width", share(joint.measured, scale));
      setStyle(cell.expected, "width", share(joint.expected, scale));
      toggle(cell.node, "is-over", joint.residual !== null && joint.residual > limit && !old);
      toggle(cell.node, "is-stale", old);
      const torque = (x) => (x === null ? "–" : number(x, 1));
      cell.node.title = t("joints.model_note", { m: torque(joint.measured), e: torque(joint.expected), r: residualText(joint.residual), limit: number(limit) }) + fitText(fit, cell.index);
    }
  }
}

/** How well a joint's torque is explained, and by what: R² of what its fit says. */
export function fitText(fit, index) {
  const explained = fit?.explained?.[index];
  return explained == null ? "" : `\n${t("joints.fit_by", { r2: number(explained, 3), by: t(`joints.by_${fit.by}`), model: fit.model })}`;
}

/** How far a joint is off, as people read it: more than `MOST` is only far too much. */
export const residualText = (residual) => (residual === null ? "–" : residual > MOST ? `> ${MOST}` : number(residual, 1));

/** Full width of a joint's bars: twice the larger of both, on a scale that does not jump, up to the joint's limit. */
export function scaleOf(joints, cell) {
  const joint = joints.find((one) => one.index === cell.index);
  const most = Math.max(joint?.measured ?? 0, joint?.expected ?? 0);
  for (const step of [0.05, 0.1, 0.25, 0.5]) if (most <= cell.most * step) return cell.most * step;
  return cell.most || 1;
}

const share = (x, scale) => `${(Math.min(1, (x ?? 0) / scale) * 100).toFixed(1)}%`;
