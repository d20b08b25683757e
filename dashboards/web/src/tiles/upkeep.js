// Maintenance: how much of each interval an asset has used up, when it is due next, and that it was done.
import { clock } from "../clock.js";
import { el } from "../dom.js";
import { age, date, number, span } from "../format.js";
import { post, remove } from "../send.js";
import { t } from "../words.js";
import { WrittenView } from "./written.js";

const EVERY_MS = 30_000;
const REPLAY_MS = 5000;
const DECIMALS = { run_h: 1, parts: 0, days: 1 };
const DAY_S = 86_400;

export class UpkeepView extends WrittenView {
  constructor(root, props, emit) {
    super(root, props, emit, "upkeep", EVERY_MS, REPLAY_MS);
  }

  build() {
    this.list = el("ul", { class: "uk-list" });
    this.name = el("input", { type: "text", class: "ft-choice", maxlength: "120", required: true, placeholder: t("upkeep.name_hint"), "aria-label": t("upkeep.name") });
    this.every = el("input", { type: "number", class: "ft-choice", min: "0.1", step: "any", required: true, placeholder: t("upkeep.every"), "aria-label": t("upkeep.every") });
    this.counts = el("select", { class: "ft-choice", "aria-label": t("upkeep.counts") }, ["run_h", "parts", "days"].map((one) => el("option", { value: one }, t(`upkeep.counts_${one}`))));
    const add = el("button", { type: "submit", class: "btn s" }, t("upkeep.add"));
    const form = el("form", { class: "uk-form", onsubmit: (event) => this.add(event, add) }, this.name, this.every, this.counts, add);
    this.plan = el("details", { class: "uk-plan", hidden: true }, el("summary", null, t("upkeep.new")), form);
    return [this.list, this.plan];
  }

  hear(answer) {
    this.plan.hidden = !answer.may_configure;
    if (this.list.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    const rows = answer.upkeeps.map((one) => this.row(one, answer));
    this.list.replaceChildren(...(rows.length ? rows : [el("li", { class: "mute uk-none" }, t(answer.may_configure ? "upkeep.none_add" : "upkeep.none"))]));
  }

  row(one, answer) {
    const unit = t(`upkeep.unit_${one.counts}`);
    const share = Math.min(1, one.share);
    const done = el("button", { type: "button", class: "btn s", hidden: !answer.may_tell, onclick: () => this.ask(one, node) }, t("upkeep.done"));
    const end = el("button", { type: "button", class: "btn s", hidden: !answer.may_configure, "aria-label": t("upkeep.end_title", { name: one.name }), title: t("upkeep.end_title", { name: one.name }), onclick: () => this.change(end, () => remove(`/view/asset/upkeep/${one.n}`)) }, "✕");
    const node = el(
      "li",
      { class: `uk-row is-${one.due}` },
      el("div", { class: "uk-h" }, el("b", null, one.name), one.due === "ok" ? null : el("span", { class: "uk-due" }, t(`upkeep.${one.due}`)), el("span", { class: "uk-b" }, done, end)),
      el("div", { class: "uk-bar", role: "meter", "aria-valuemin": "0", "aria-valuemax": String(one.every), "aria-valuenow": String(Math.round(one.used * 10) / 10), "aria-label": one.name }, el("i", { style: `width:${(share * 100).toFixed(1)}%` })),
      el(
        "div",
        { class: "uk-f" },
        el("span", { class: "num" }, `${number(one.used, DECIMALS[one.counts])} / ${number(one.every, 0)} ${unit}`),
        el("span", null, one.left_s === null ? t("upkeep.no_pace") : one.share >= 1 ? t("upkeep.over") : t("upkeep.left", { span: one.left_s >= DAY_S ? t("span.days", { n: number(one.left_s / DAY_S) }) : span(one.left_s) })),
        el("small", { class: "mute" }, one.done ? t("upkeep.last", { at: age(clock.now() - one.done.at_ms), who: one.done.who }) + (one.done.note ? ` · ${one.done.note}` : "") : t("upkeep.never", { at: date(one.since_ms, this.zone) })),
      ),
    );
    return node;
  }

  /** What was done is written down with a word of who did it. */
  ask(one, node) {
    const note = el("input", { type: "text", class: "ft-choice", maxlength: "500", placeholder: t("upkeep.note_hint"), "aria-label": t("upkeep.note_hint") });
    const keep = el("button", { type: "submit", class: "btn s main-btn" }, t("upkeep.keep"));
    const back = el("button", { type: "button", class: "btn s", onclick: () => this.asked.refresh() }, t("upkeep.back"));
    const form = el(
      "form",
      {
        class: "uk-ask",
        onsubmit: (event) => {
          event.preventDefault();
          this.change(keep, () => post(`/view/asset/upkeep/${one.n}/done`, { note: note.value }));
        },
      },
      note,
      keep,
      back,
    );
    back.addEventListener("click", () => form.remove());
    node.querySelector(".uk-ask")?.remove();
    node.append(form);
    note.focus();
  }

  add(event, button) {
    event.preventDefault();
    const body = { asset: this.props.asset, name: this.name.value, counts: this.counts.value, every: Number(this.every.value) };
    this.change(button, async () => {
      await post("/view/asset/upkeep", body);
      event.target.reset();
    });
  }

  /** Nobody writes any longer in what is drawn anew. */
  async change(button, act) {
    await super.change(button, act);
    document.activeElement?.blur?.();
  }
}
