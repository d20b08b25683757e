// Maintenance: how much of each upkeep interval an asset has used up, when the next is due, and that it was done.
import { Core } from "../component.js";
import { el, setText } from "../dom.js";
import { age, date, number, span } from "../format.js";
import { clock } from "../clock.js";
import { Poll } from "../poll.js";
import { post, remove } from "../send.js";
import { t } from "../words.js";

const EVERY_MS = 30_000;
const DECIMALS = { run_h: 1, parts: 0, days: 1 };
const DAY_S = 86_400;

export class UpkeepView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-upkeep");
    this.until(() => root.classList.remove("ft-upkeep"));
    this.note = el("p", { class: "ft-note", role: "status" }, t("wait.figures"));
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    this.list = el("ul", { class: "sv-list" });
    this.name = el("input", { type: "text", class: "ft-choice", maxlength: "120", required: true, placeholder: t("upkeep.name_hint"), "aria-label": t("upkeep.name") });
    this.every = el("input", { type: "number", class: "ft-choice", min: "0.1", step: "any", required: true, placeholder: t("upkeep.every"), "aria-label": t("upkeep.every") });
    this.counts = el("select", { class: "ft-choice", "aria-label": t("upkeep.counts") }, ["run_h", "parts", "days"].map((one) => el("option", { value: one }, t(`upkeep.counts_${one}`))));
    const add = el("button", { type: "submit", class: "btn s" }, t("upkeep.add"));
    const form = el("form", { class: "sv-form", onsubmit: (event) => this.add(event, add) }, this.name, this.every, this.counts, add);
    this.plan = el("details", { class: "sv-plan", hidden: true }, el("summary", null, t("upkeep.new")), form);
    root.replaceChildren(this.note, this.failed, this.list, this.plan);
    this.asked = new Poll(
      (asOf) => `/view/asset/upkeep?${new URLSearchParams({ asset: this.props.asset, ...(asOf === null ? {} : { as_of_ms: String(Math.round(asOf)) }) })}`,
      (answer) => this.hear(answer),
      EVERY_MS,
      (message) => {
        this.note.hidden = message === null;
        if (message !== null) setText(this.note, t("error.part", { what: t("upkeep.title"), detail: message, at: date(clock.now(), this.zone) }));
      },
      5000,
    );
    this.until(() => this.asked.dispose());
  }

  hear(answer) {
    this.note.hidden = true;
    this.plan.hidden = !answer.may_configure;
    if (this.list.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    const rows = answer.upkeeps.map((one) => this.row(one, answer));
    this.list.replaceChildren(...(rows.length ? rows : [el("li", { class: "mute sv-none" }, t(answer.may_configure ? "upkeep.none_add" : "upkeep.none"))]));
  }

  row(one, answer) {
    const unit = t(`upkeep.unit_${one.counts}`);
    const share = Math.min(1, one.share);
    const done = el("button", { type: "button", class: "btn s", hidden: !answer.may_tell, onclick: () => this.ask(one, node) }, t("upkeep.done"));
    const end = el("button", { type: "button", class: "btn s", hidden: !answer.may_configure, "aria-label": t("upkeep.end_title", { name: one.name }), title: t("upkeep.end_title", { name: one.name }), onclick: () => this.change(end, () => remove(`/view/asset/upkeep/${one.n}`)) }, "✕");
    const node = el(
      "li",
      { class: `sv-row is-${one.due}` },
      el("div", { class: "sv-h" }, el("b", null, one.name), one.due === "ok" ? null : el("span", { class: "sv-due" }, t(`upkeep.${one.due}`)), el("span", { class: "sv-b" }, done, end)),
      el("div", { class: "sv-bar", role: "meter", "aria-valuemin": "0", "aria-valuemax": String(one.every), "aria-valuenow": String(Math.round(one.used * 10) / 10), "aria-label": one.name }, el("i", { style: `width:${(share * 100).toFixed(1)}%` })),
      el(
        "div",
        { class: "sv-f" },
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
        class: "sv-ask",
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
    node.querySelector(".sv-ask")?.remove();
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

  async change(button, act) {
    button.disabled = true;
    try {
      await act();
      this.failed.hidden = true;
    } catch (error) {
      this.failed.hidden = false;
      setText(this.failed, t("oee.not_saved", { detail: error.message }));
    }
    button.disabled = false;
    document.activeElement?.blur?.();
    this.asked.refresh();
  }
}
