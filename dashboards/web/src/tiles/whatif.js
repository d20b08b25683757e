// What-if: changes at the left, baseline beside variant in the middle, what may be believed at the right.
import { clock, fetchJson } from "../clock.js";
import { Core } from "../component.js";
import { el, setText, toggle } from "../dom.js";
import { date, duration, number, shortName, time } from "../format.js";
import { send } from "../trends/groups.js";
import { figureRow, fan, law, spread } from "../whatif/draw.js";
import { fresh, read } from "../whatif/changes.js";
import { goodness, inOrder, say, shareOf, SHOWN, signed } from "../whatif/figures.js";
import { Form } from "../whatif/form.js";
import { figuresOf, tornado, tornadoSaid } from "../whatif/tornado.js";
import { t } from "../words.js";

const FOLLOW_MS = 400;
const LIST_MS = 5000;
const HOURS = [1, 2, 4, 8, 12, 24];
const TIMES = [20, 50, 100, 200, 500];
const MOST_FITS = 60;

export class WhatifView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-whatif");
    this.until(() => root.classList.remove("ft-whatif"));
    const asked = new URL(location.href).searchParams;
    this.changes = asked.getAll("set").map((one) => read(one, props.targets)).filter(Boolean);
    if (!this.changes.length && !asked.has("set") && props.targets.length) this.changes = [fresh(props.targets[0], Object.keys(props.targets[0].kind === "station" ? { cycle: 1 } : { capacity: 1 })[0])];
    this.hours = HOURS.includes(Number(asked.get("hours"))) ? Number(asked.get("hours")) : 8;
    this.replications = TIMES.includes(Number(asked.get("n"))) ? Number(asked.get("n")) : 100;
    this.scope = null;
    this.run = null;
    this.build();
    this.until(clock.subscribe(() => this.tellMoment()));
    const keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "Enter") this.start();
    };
    document.addEventListener("keydown", keys);
    this.until(() => document.removeEventListener("keydown", keys));
    this.listTimer = setInterval(() => this.list(), LIST_MS);
    this.until(() => clearInterval(this.listTimer));
    this.until(() => clearTimeout(this.follower));
    this.list(asked.get("run"));
  }

  build() {
    const card = (title, more, ...body) => el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, title), more), ...body);
    const choice = (label, values, chosen, text, changed) => el("label", { class: "wi-choice" }, el("span", { class: "cap" }, label), el("select", { class: "ft-choice", onchange: (event) => changed(Number(event.target.value)) }, values.map((one) => el("option", { value: one, selected: one === chosen }, text(one)))));
    this.form = new Form(this.props.targets, this.lang, this.changes, () => this.remember());
    this.moment = el("b");
    this.go = el("button", { type: "button", class: "btn wi-go", onclick: () => this.start() }, t("whatif.start"), el("kbd", null, "Ctrl ↵"));
    this.each = el("button", { type: "button", class: "btn", title: t("whatif.each_title"), onclick: () => this.start(["all"]) }, t("whatif.each"));
    this.note = el("p", { class: "ft-note", role: "alert", hidden: true });
    const sites = el("select", { class: "ft-choice", "aria-label": t("whatif.site"), onchange: (event) => location.assign(`/whatif/${event.target.value}`) }, (this.props.scopes ?? []).map((one) => el("option", { value: one.id, selected: one.id === this.props.site }, one.name[this.lang] ?? one.name.en)));
    this.band = el("div", { class: "wi-band-top" }, el("b", null, t("whatif.not_real")), el("span", null, t("whatif.from"), " ", this.moment), (this.props.scopes ?? []).length > 1 ? sites : null);
    this.changesCard = card(
      t("whatif.changes"),
      el("span", { class: "r" }, el("button", { type: "button", class: "btn s", onclick: () => this.form.clear() }, t("whatif.clear"))),
      this.form.rows,
      el("div", { class: "wi-asked" }, choice(t("whatif.ahead"), HOURS, this.hours, (one) => t("whatif.hours", { n: one }), (one) => this.remember({ hours: one })), choice(t("whatif.times"), TIMES, this.replications, (one) => number(one, 0), (one) => this.remember({ replications: one }))),
      this.note,
      el("footer", { class: "card-f wi-foot" }, this.form.adder, this.each, this.go),
    );
    this.progress = el("i");
    this.progressSaid = el("small");
    this.cancel = el("button", { type: "button", class: "btn s", hidden: true, onclick: () => this.end(this.run) }, t("whatif.cancel"));
    this.runs = el("ul", { class: "wi-runs ft-scroll" });
    this.runCard = card(t("whatif.runs"), [this.progressSaid, el("span", { class: "r" }, this.cancel)], el("div", { class: "wi-progress" }, this.progress), this.runs);
    this.scopes = el("div", { class: "seg", role: "group", "aria-label": t("whatif.scope") });
    this.rows = el("div", { class: "wi-rows ft-scroll" });
    const legend = el("span", { class: "wi-legend" }, el("span", { class: "is-base" }, "● ", t("whatif.baseline")), el("span", { class: "is-variant" }, "○ ", t("whatif.variant")), el("span", { class: "is-real" }, "◆ ", t("whatif.actual")));
    this.heads = el("div", { class: "wi-heads" }, legend, el("span", null, t("whatif.difference")));
    this.figureChoice = el("select", { class: "ft-choice", hidden: true, "aria-label": t("whatif.figure"), onchange: (event) => {
      this.figure = event.target.value;
      this.show(this.answered);
    } });
    this.figuresNote = el("small", null, t("whatif.figures_note"));
    this.figuresCard = card(t("whatif.figures"), [this.figuresNote, el("span", { class: "r" }, this.figureChoice, this.scopes)], this.heads, this.rows);
    this.fan = el("div", { class: "card-b wi-fan-b" });
    this.fanCard = card(t("whatif.made"), el("small", null, t("whatif.made_note")), this.fan);
    this.answer = el("div", { class: "card-b wi-answer" });
    this.spread = el("div", { class: "wi-spread-b" });
    this.answerCard = card(t("whatif.answer"), null, this.answer, this.spread);
    this.fits = el("div", { class: "wi-fits ft-scroll" });
    this.fitsNote = el("small");
    this.fitsCard = card(t("whatif.fits"), this.fitsNote, this.fits);
    this.root.replaceChildren(this.band, el("div", { class: "wi-l" }, this.changesCard, this.runCard), el("div", { class: "wi-m" }, this.figuresCard, this.fanCard), el("div", { class: "wi-r" }, this.answerCard, this.fitsCard));
    this.tellMoment();
    this.show(null);
  }

  tellMoment() {
    const shown = this.answered ? Date.parse(this.answered.at) : clock.replaying ? clock.at_ms : clock.now();
    setText(this.moment, `${date(shown, this.zone)} ${time(shown, this.zone)}`);
  }

  /** Settings stand in the address, so that a link asks the same. */
  remember(more = {}) {
    Object.assign(this, more);
    const url = new URL(location.href);
    url.searchParams.delete("set");
    for (const one of this.form.written) url.searchParams.append("set", one);
    url.searchParams.set("hours", this.hours);
    url.searchParams.set("n", this.replications);
    history.replaceState(history.state, "", url.pathname + url.search);
  }

  /** What these changes bring; or, with `sensitivity`, what each setting by itself does. */
  async start(sensitivity = []) {
    if (this.go.disabled) return;
    this.fail(null);
    this.go.disabled = this.each.disabled = true;
    try {
      const body = { site: this.props.site, changes: sensitivity.length ? [] : this.form.written, sensitivity, at_ms: clock.replaying ? Math.round(clock.at_ms) : null, hours: this.hours, replications: this.replications };
      this.follow((await send("POST", "/view/whatif", body)).id);
      this.list();
    } catch (error) {
      this.fail(error.message);
    }
    this.go.disabled = this.each.disabled = false;
  }

  /** Look at a run until it is over, then show what came of it. */
  async follow(id) {
    clearTimeout(this.follower);
    this.run = id;
    try {
      const one = await fetchJson(`/view/whatif/${id}`);
      if (this.run !== id) return;
      this.tellProgress(one);
      if (one.answer) {
        this.show(one.answer);
        const url = new URL(location.href);
        url.searchParams.set("run", id);
        history.replaceState(history.state, "", url.pathname + url.search);
      } else if (one.state === "failed") this.fail(one.error);
      if (["reading", "running"].includes(one.state)) this.follower = setTimeout(() => this.follow(id), FOLLOW_MS);
      else this.list();
    } catch (error) {
      if (this.run === id) this.fail(String(error?.message ?? error));
    }
  }

  tellProgress(one) {
    const busy = ["reading", "running"].includes(one.state);
    this.cancel.hidden = !busy;
    toggle(this.progress.parentNode, "is-reading", one.state === "reading");
    this.progress.style.width = `${(one.done * 100).toFixed(1)}%`;
    setText(this.progressSaid, one.state === "running" ? one.sensitivity.length ? `${Math.round(one.done * 100)} %` : t("whatif.running", { n: Math.round(one.done * one.replications), all: one.replications }) : t(`whatif.state_${one.state}`));
  }

  async end(id) {
    try {
      await send("DELETE", `/view/whatif/${id}`);
    } catch (error) {
      this.fail(error.message);
    }
    this.list();
  }

  async list(open = null) {
    try {
      const { runs } = await fetchJson(`/view/whatif?site=${encodeURIComponent(this.props.site)}`);
      this.runs.replaceChildren(...(runs.length ? runs.map((one) => this.listed(one)) : [el("li", { class: "ft-empty" }, t("whatif.no_runs"))]));
      if (open && runs.some((one) => one.id === open)) this.follow(open);
    } catch {
      // the next look tells
    }
  }

  listed(one) {
    const when = one.at_ms ?? one.started_ms;
    const what = one.sensitivity.length ? t("whatif.each") : one.changes.length ? one.changes.map((text) => text.slice(text.lastIndexOf("/") + 1)).join(", ") : t("whatif.nothing_changed");
    const left = one.expires_ms ? t("whatif.expires", { n: duration(one.expires_ms - Date.now()) }) : t(`whatif.state_${one.state}`);
    return el("li", { class: one.id === this.run ? "on" : "" }, el("button", { type: "button", onclick: () => this.follow(one.id) }, el("b", null, what), el("small", null, `${date(when, this.zone)} ${time(when, this.zone)} · ${t("whatif.hours", { n: one.hours })} · ${one.who} · ${left}`)), el("button", { type: "button", class: "btn s", "aria-label": t("whatif.remove"), onclick: () => this.end(one.id) }, "✕"));
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("whatif.failed", { detail: message }));
  }

  show(answer) {
    this.answered = answer;
    this.tellMoment();
    if (!answer) {
      this.rows.replaceChildren(el("p", { class: "ft-empty" }, t("whatif.begin")));
      this.fan.replaceChildren();
      this.answer.replaceChildren(el("p", { class: "ft-empty" }, t("whatif.begin_do")));
      this.spread.replaceChildren();
      this.fits.replaceChildren(el("p", { class: "ft-empty" }, t("whatif.fits_later")));
      return;
    }
    if (!answer.scopes.some((one) => one.id === this.scope)) this.scope = answer.scopes[0].id;
    this.scopes.replaceChildren(...answer.scopes.map((one) => el("button", { type: "button", class: one.id === this.scope ? "on" : "", "aria-pressed": String(one.id === this.scope), onclick: () => {
      this.scope = one.id;
      this.show(answer);
    } }, one[this.lang] ?? one.en)));
    const swings = Boolean(answer.swings);
    this.heads.hidden = this.fanCard.hidden = swings;
    this.figureChoice.hidden = !swings;
    setText(this.figuresNote, t(swings ? "whatif.swing_note" : "whatif.figures_note"));
    setText(this.fitsNote, t("whatif.fits_note", { n: number(answer.history.hours, 1) }));
    this.fits.replaceChildren(...inOrder(answer.fits).slice(0, MOST_FITS).map((fit) => this.fit(fit)));
    if (swings) {
      this.showSwings(answer);
      return;
    }
    const names = Object.keys(SHOWN).filter((name) => name in answer.baseline[this.scope] && name in answer.variant[this.scope]);
    this.rows.replaceChildren(...names.map((name) => figureRow(name, answer, this.scope)));
    this.fan.replaceChildren(fan(answer, this.scope, this.zone));
    this.spread.replaceChildren(el("h3", null, t("whatif.spread")), spread(answer, this.scope));
    this.answer.replaceChildren(...this.said(answer));
  }

  showSwings(answer) {
    const names = figuresOf(answer, this.scope);
    if (!names.includes(this.figure)) [this.figure] = names;
    this.figureChoice.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === this.figure }, t(`whatif.figure_${name}`))));
    this.rows.replaceChildren(...tornado(answer, this.scope, this.figure));
    this.answer.replaceChildren(...tornadoSaid(answer, this.scope, this.figure));
    this.spread.replaceChildren();
  }

  /** The answer in words, with what it rests on. */
  said(answer) {
    const [base, apart] = ["baseline", "paired_difference"].map((one) => answer[one][this.scope].good);
    const values = { n: signed("good", apart.mean), low: apart.ci ? signed("good", apart.ci[0]) : "–", high: apart.ci ? signed("good", apart.ci[1]) : "–" };
    const least = Math.round(base.mean);
    const head = !answer.changes.length ? t("whatif.said_base", { n: say("good", base.mean), low: say("good", base.range[0]), high: say("good", base.range[1]) }) : apart.distinct ? t(apart.mean > 0 ? "whatif.said_more" : "whatif.said_fewer", values) : t("whatif.said_chance", values);
    const lines = [el("p", { class: "wi-said" }, head)];
    if (answer.changes.length) lines.push(el("p", null, t("whatif.said_share", { n: least, variant: number(100 * shareOf(answer.spread.variant[this.scope], least), 0), baseline: number(100 * shareOf(answer.spread.baseline[this.scope], least), 0) })));
    const real = answer.actual?.[this.scope]?.good ?? null;
    if (real === null) lines.push(el("p", { class: "cap" }, t("whatif.no_actual")));
    else lines.push(el("p", null, t(real >= base.range[0] && real <= base.range[1] ? "whatif.said_within" : "whatif.said_outside", { n: number(real, 0) })));
    lines.push(el("p", { class: "cap" }, t("whatif.said_speed", { n: answer.replications, s: number(answer.seconds, 1), times: number(answer.times_real_time, 0), seed: answer.seed })));
    return lines;
  }

  fit(fit) {
    const how = goodness(fit);
    const law_ = fit.used === "measured" ? t("whatif.law_measured") : t(`whatif.law_${fit.used.replace("shifted ", "")}`, {}, fit.used);
    return el(
      "div",
      { class: `wi-fit is-${how}`, title: fit.why },
      el("div", null, el("b", null, fit.asset === "amr" ? t("whatif.fleet") : shortName(fit.asset), " ", t(`whatif.law_of_${fit.what}`, {}, fit.what)), el("small", { class: "cap" }, `${law_} · n ${number(fit.n, 0)} · ${t("whatif.mean")} ${number(fit.mean_s, fit.mean_s < 100 ? 1 : 0)} s`)),
      law(fit),
      el("div", { class: "wi-fit-q" }, el("b", null, fit.p === null ? "–" : `p ${number(fit.p, 2)}`), el("small", { class: "cap" }, t(`whatif.fit_${how}`))),
    );
  }
}
