// Stops by what they cost; a click on one lists its stops, where people say why.
import { fetchJson } from "../clock.js";
import { el, setText } from "../dom.js";
import { duration, minute, number, shortName, time as clockTime } from "../format.js";
import { post } from "../send.js";
import { stateWord, t } from "../words.js";

const LOSSES = ["breakdown", "setup", "waiting", "planned"];

/** What a group of stops is called: the reason people gave, else what the machine said. */
export function titleOf(group, lang) {
  const why = group.code ? (group.name?.[lang] ?? group.name?.en ?? group.code) : stateWord(group.state);
  return `${shortName(group.asset)} ${why}`;
}

/** Cumulative shares of the groups, 0…1, all stops together being 1. */
export function cumulative(answer) {
  let sum = 0;
  return answer.groups.map((group) => (sum += group.s) / Math.max(1e-9, answer.total_s));
}

export class StopsCard {
  constructor(view) {
    this.view = view;
    this.sub = el("small");
    this.back = el("button", { type: "button", class: "btn s r", hidden: true, onclick: () => this.open(null) }, t("oee.back"));
    this.body = el("div", { class: "card-b oee-stops-b ft-scroll", tabindex: "0" }, el("p", { class: "ft-empty" }, t("oee.loading")));
    this.node = el("section", { class: "card oee-stops" }, el("header", { class: "card-h" }, el("h2", null, t("oee.stops")), this.sub, this.back), this.body);
    this.opened = null;
    this.editing = false;
  }

  start() {
    this.asked = this.view.poll("stops", (answer) => this.hear(answer), (failed) => failed && setText(this.sub, t("oee.failed", { detail: failed })));
    fetchJson(`/view/kpi/reasons?site=${encodeURIComponent(this.view.props.site)}`, this.view.abort.signal)
      .then((answer) => (this.reasons = answer.reasons))
      .catch(() => (this.reasons = []));
  }

  refresh() {
    this.editing = false;
    this.asked.refresh();
  }

  dispose() {}

  hear(answer) {
    this.answer = answer;
    setText(this.sub, t("oee.stops_sum", { min: number(answer.total_s / 60, 1), n: number(answer.count) }));
    if (!this.editing) this.draw();
  }

  open(key) {
    this.opened = key;
    this.editing = false;
    this.draw();
    (key ? this.back : this.body.querySelector("button"))?.focus();
  }

  draw() {
    const group = this.answer?.groups.find((one) => keyOf(one) === this.opened);
    this.back.hidden = !group;
    if (group) this.drawGroup(group);
    else this.drawPareto();
  }

  drawPareto() {
    const { groups, others } = this.answer ?? { groups: [] };
    if (!groups.length) {
      this.body.replaceChildren(el("p", { class: "ft-empty" }, t("oee.no_stops")));
      return;
    }
    const most = Math.max(...groups.map((one) => one.s));
    const shares = cumulative(this.answer);
    const rows = groups.map((group, i) =>
      el(
        "button",
        { type: "button", class: `oee-p${i ? "" : " is-first"}`, onclick: () => this.open(keyOf(group)), title: t("oee.open_stops") },
        el("span", { class: "oee-p-n" }, el("b", null, titleOf(group, this.view.lang)), el("small", null, `${t(`oee.bucket_${group.bucket}`)} · ${t("oee.times", { n: number(group.count) })}${group.code ? ` · ${t("oee.told")}` : ""}`)),
        el("span", { class: "oee-p-b" }, el("i", { style: `width:${((group.s / most) * 100).toFixed(1)}%` })),
        el("b", { class: "oee-p-v" }, number(group.s / 60, 1)),
        el("span", { class: "oee-p-c" }, el("span", { class: "oee-cum", "aria-hidden": "true" }, el("i", { style: `left:${(shares[i] * 100).toFixed(1)}%` })), el("small", null, `${number(shares[i] * 100)}`)),
      ),
    );
    const head = el("div", { class: "oee-p oee-p-head", "aria-hidden": "true" }, el("span", { class: "cap" }, t("oee.stop")), el("span", { class: "cap" }, t("oee.stop_min")), el("span"), el("span", { class: "cap" }, t("oee.cumulative")));
    const rest = others?.count ? el("p", { class: "cap oee-rest" }, t("oee.others", { n: number(others.count), min: number(others.s / 60, 1) })) : null;
    this.body.replaceChildren(head, ...rows, ...(rest ? [rest] : []));
  }

  drawGroup(group) {
    const may = this.answer.may_tell;
    const zone = this.view.zone;
    const rows = group.stops.map((stop) => {
      const select = el("select", { class: "ft-choice", "aria-label": t("oee.reason"), disabled: !may }, el("option", { value: "" }, t("oee.choose_reason")), LOSSES.map((loss) => el("optgroup", { label: t(`oee.loss_${loss}`) }, (this.reasons ?? []).filter((one) => one.loss === loss).map((one) => el("option", { value: one.code, selected: one.code === group.code }, one.name[this.view.lang] ?? one.name.en)))));
      const note = el("input", { class: "oee-note", type: "text", maxlength: "500", placeholder: t("oee.note"), "aria-label": t("oee.note"), value: stop.note, disabled: !may });
      const save = el("button", { type: "button", class: "btn s main-btn", disabled: true, onclick: () => this.save(group, stop, select.value, note.value, save) }, t("oee.save"));
      const changed = () => {
        this.editing = true;
        save.disabled = !may || !select.value || (select.value === group.code && note.value === stop.note);
      };
      select.addEventListener("change", changed);
      note.addEventListener("input", changed);
      const undo = stop.stop === null ? null : el("button", { type: "button", class: "btn s", disabled: !may, title: t("oee.withdraw_title"), onclick: () => this.save(group, stop, "", "", undo) }, t("oee.withdraw"));
      const from = clockTime(stop.from_ms, zone);
      return el(
        "li",
        null,
        el("div", { class: "oee-s-h" }, el("b", null, `${from}–${clockTime(stop.to_ms, zone)}`), el("span", null, duration(stop.to_ms - stop.from_ms)), stop.who ? el("small", null, t("oee.told_by", { who: stop.who, at: minute(stop.given_ms, zone) })) : null),
        el("div", { class: "oee-s-f" }, select, note, save, undo),
      );
    });
    const hint = may ? t("oee.stops_hint") : t("oee.stops_locked");
    const more = group.count > group.stops.length ? el("p", { class: "cap" }, t("oee.longest_of", { n: group.stops.length, all: number(group.count) })) : null;
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    this.body.replaceChildren(el("p", { class: "oee-s-t" }, el("b", null, titleOf(group, this.view.lang)), " ", el("small", null, `${t(`oee.bucket_${group.bucket}`)} · ${number(group.s / 60, 1)} ${t("unit.min")} · ${t("oee.times", { n: number(group.count) })}`)), el("p", { class: "cap" }, hint), this.failed, el("ul", { class: "oee-s" }, rows), ...(more ? [more] : []));
  }

  async save(group, stop, code, note, button) {
    button.disabled = true;
    const body = { asset: group.asset, from_ms: stop.from_ms, to_ms: stop.to_ms, code, note, stop: stop.stop };
    try {
      await post("/view/kpi/stops", body);
      this.opened = null;
      this.view.refresh();
      this.draw();
    } catch (error) {
      this.failed.hidden = false;
      setText(this.failed, t("oee.not_saved", { detail: error.message }));
      button.disabled = false;
    }
  }
}

const keyOf = (group) => [group.asset, group.bucket, group.state, group.code].join("|");
