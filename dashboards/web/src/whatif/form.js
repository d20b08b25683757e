// What is to be changed: rows with a target, what of it, and how much.
import { el, setText } from "../dom.js";
import { number, shortName } from "../format.js";
import { t } from "../words.js";
import { becomes, fresh, KINDS, written } from "./changes.js";

const MOST = 12;

export class Form {
  /** @param {object[]} targets what can be changed; `changed()` is told of every change. */
  constructor(targets, lang, changes, changed) {
    this.targets = targets;
    this.lang = lang;
    this.changes = changes;
    this.changed = changed;
    this.rows = el("div", { class: "wi-changes" });
    this.adder = el("button", { type: "button", class: "btn", onclick: () => this.add() }, t("whatif.add"));
    this.draw();
  }

  /** As they are sent. */
  get written() {
    return this.changes.map(written).filter(Boolean);
  }

  add() {
    const used = new Set(this.changes.map((one) => one.id));
    this.changes.push(fresh(this.targets.find((one) => !used.has(one.id)) ?? this.targets[0]));
    this.draw();
    this.changed();
  }

  clear() {
    this.changes.splice(0);
    this.draw();
    this.changed();
  }

  draw() {
    this.rows.replaceChildren(...this.changes.map((change, i) => this.row(change, i)), ...(this.changes.length ? [] : [el("p", { class: "ft-empty" }, t("whatif.nothing"))]));
    this.adder.disabled = this.changes.length >= MOST;
  }

  row(change, i) {
    const target = this.targets.find((one) => one.id === change.id);
    const again = () => {
      this.draw();
      this.changed();
    };
    const choose = el("select", { class: "ft-choice", "aria-label": t("whatif.target"), onchange: (event) => {
      this.changes[i] = fresh(this.targets.find((one) => one.id === event.target.value));
      again();
    } });
    const groups = new Map();
    for (const one of this.targets) {
      const label = one.line ? (one.line[this.lang] ?? one.line.en) : t("whatif.of_site");
      if (!groups.has(label)) groups.set(label, groups.set(label, el("optgroup", { label })).get(label));
      groups.get(label).append(el("option", { value: one.id, selected: one.id === change.id }, this.name(one)));
    }
    choose.append(...groups.values());
    const whats = Object.keys(KINDS[change.kind]);
    const what = el("select", { class: "ft-choice", "aria-label": t("whatif.what"), onchange: (event) => {
      this.changes[i] = fresh(target, event.target.value);
      again();
    } }, whats.map((one) => el("option", { value: one, selected: one === change.what }, t(`whatif.what_${one}`))));
    const away = el("button", { type: "button", class: "btn s", "aria-label": t("whatif.take_away", { what: this.name(target) }), onclick: () => {
      this.changes.splice(i, 1);
      again();
    } }, "✕");
    return el("div", { class: "wi-change" }, el("div", { class: "wi-change-h" }, choose, whats.length > 1 ? what : null, away), this.amount(change, target));
  }

  amount(change, target) {
    const range = KINDS[change.kind][change.what];
    if (typeof range === "string") {
      const input = el("input", { type: "text", class: "ft-choice", value: change.value, "aria-label": t("whatif.what_shift"), oninput: (event) => {
        change.value = event.target.value.replaceAll(" ", "");
        event.target.setAttribute("aria-invalid", String(!written(change)));
        this.changed();
      } });
      return el("div", { class: "wi-change-a" }, input, el("small", { class: "cap" }, t("whatif.shift_do")));
    }
    const [low, high, step, , unit] = range;
    const said = el("output", { class: "wi-change-v" });
    const cap = el("small", { class: "cap" });
    const show = () => {
      setText(said, amountText(change, unit));
      const turns = becomes(change, target);
      setText(cap, turns ? `${number(turns[0], change.what === "cycle" ? 1 : 0)} → ${number(turns[1], change.what === "cycle" ? 1 : 0)}${change.what === "cycle" ? " s" : ""}` : "");
    };
    const slide = el("input", { type: "range", min: low, max: high, step, value: change.value, "aria-label": `${this.name(target)} ${t(`whatif.what_${change.what}`)}`, oninput: (event) => {
      change.value = Number(event.target.value);
      show();
      this.changed();
    } });
    show();
    return el("div", { class: "wi-change-a" }, slide, said, cap);
  }

  name(target) {
    return target.kind === "fleet" ? t("whatif.fleet") : target.kind === "shift" ? t("whatif.what_shift") : shortName(target.id);
  }
}

function amountText(change, unit) {
  const sign = unit !== "min" && change.value > 0 ? "+" : "";
  const word = unit === "min" ? ` ${t("unit.min")}` : unit === "%" ? " %" : "";
  return `${sign}${number(change.value, 0)}${word}`;
}
