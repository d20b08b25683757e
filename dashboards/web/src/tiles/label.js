// The labelling page: a queue, one episode as signals and as the robot it was, and what people say of it.
import { clock, fetchJson } from "../clock.js";
import { Core } from "../component.js";
import { el, setText, toggle } from "../dom.js";
import { date, monthDay, number, shortName, time } from "../format.js";
import { labelled } from "../directory.js";
import { later } from "../later.js";
import { live } from "../live.js";
import { post } from "../send.js";
import { causesOf, kappaWord, partWord, stepped, unseen, waiting } from "../label/model.js";
import { firstOf, Signals, signalsOf } from "../label/signals.js";
import { t } from "../words.js";

const MOST = 2000;
const FILTERS = ["all", "no", "mine", "failure"];
const MARKS = { success: "✓", failure: "✕", unknown: "?" };
const KINDS = ["subtask", "intervened", "anomaly"];
const MOVED_BY = { robot_arm: "joint_position#0", mobile_robot: "x#0" };

const TwinView = later("TwinViewCore", []);

export class LabelView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-label");
    this.until(() => root.classList.remove("ft-label"));
    this.episodes = [];
    this.filter = "all";
    this.chosen = null;
    this.part = null;
    this.build();
    const key = (event) => this.key(event);
    // before the page's other keys: ↑ and ↓ choose here
    document.addEventListener("keydown", key, true);
    this.until(() => document.removeEventListener("keydown", key, true));
    this.until(live.on("directory", () => this.show()));
    this.until(() => this.twin?.dispose());
    this.load(new URL(location.href).searchParams.get("episode"));
  }

  build() {
    this.chips = new Map(FILTERS.map((name) => [name, el("button", { type: "button", class: "chip", "data-filter": name, onclick: () => this.setFilter(name) })]));
    this.progress = el("span", { class: "r lb-progress" });
    this.bar = el("i");
    this.list = el("ul", { class: "lb-list", role: "listbox", "aria-label": t("label.episodes"), tabindex: 0 });
    this.agreement = el("p", { class: "lb-agree" });
    this.left = card("lb-l", t("label.episodes"), this.progress, el("div", { class: "lb-bar" }, this.bar), el("div", { class: "lb-chips" }, [...this.chips.values()]), this.list, el("footer", { class: "lb-foot" }, el("b", null, t("label.agreement")), this.agreement));
    this.stage = el("div", { class: "lb-twin ft-twin" });
    this.noTwin = el("p", { class: "lb-notwin mute" }, t("label.no_pose"));
    this.facts = el("dl", { class: "lb-facts" });
    this.title = el("small");
    this.about_ = el("small");
    this.view = card("lb-view", t("label.robot"), this.title, this.stage);
    this.about = card("lb-about", t("label.about"), this.about_, this.noTwin, this.facts);
    this.pens = el("div", { class: "lb-chips lb-pens" });
    this.signals = new Signals(this, (from, to) => this.mark(from, to));
    this.keys = el("p", { class: "lb-keys" }, [["Space", "play"], ["J K ↓ ↑", "step"], ["Y", "accept"], ["N 1–9", "fail"], ["G", "good"], ["S", "part"], ["U", "undo"]].map(([keys, word]) => el("span", null, keys.split(" ").map((one) => el("kbd", null, one)), t(`label.key_${word}`))));
    this.trend = card("lb-signals", t("label.signals"), el("small", null, t("label.snap")), this.pens, this.signals.plot, this.keys);
    this.suggested = el("p", { class: "lb-said" });
    this.accept = el("button", { type: "button", class: "btn main-btn lb-wide", onclick: () => this.do(() => this.put({ accept: true }), true) }, t("label.accept"), el("kbd", null, "Y"));
    this.outcomes = new Map([["success", "G"], ["failure", "N"], ["unknown", ""]].map(([name, key]) => [name, el("button", { type: "button", class: "btn", "data-outcome": name, onclick: () => this.outcome(name) }, `${MARKS[name]} ${t(`label.${name}`)}`, key ? el("kbd", null, key) : null)]));
    this.cause = el("input", { class: "ft-choice", type: "text", maxlength: 300, placeholder: t("label.cause_hint"), "aria-label": t("label.cause"), onkeydown: (event) => event.key === "Enter" && this.say("failure", this.cause.value) });
    this.causes = el("ol", { class: "lb-causes" });
    this.result = card("lb-result", t("label.result"), null, this.suggested, this.accept, el("div", { class: "lb-outcomes" }, [...this.outcomes.values()]), el("div", { class: "lb-cause" }, el("label", null, t("label.cause")), this.cause, this.causes));
    this.task = { ko: this.field("instruction_ko", "label.task_ko"), en: this.field("instruction_en", "label.task_en") };
    this.tasks = card("lb-task", t("label.task"), null, this.task.ko, this.task.en);
    this.parts = el("ol", { class: "lb-parts" });
    this.kind = el("select", { class: "ft-choice", "aria-label": t("label.kind"), onchange: () => (this.name.hidden = this.kind.value === "intervened") }, KINDS.map((one) => el("option", { value: one }, t(`label.kind_${one}`))));
    this.name = el("input", { class: "ft-choice", type: "text", maxlength: 300, placeholder: t("label.part_hint"), "aria-label": t("label.part_hint"), onkeydown: (event) => event.key === "Enter" && this.keepPart() });
    this.span = el("b");
    this.keep = el("button", { type: "button", class: "btn", onclick: () => this.keepPart() }, t("label.keep_part"));
    this.drop = el("button", { type: "button", class: "btn s", "aria-label": t("label.drop_part"), onclick: () => this.mark(null) }, "✕");
    this.form = el("div", { class: "lb-part", hidden: true }, el("div", { class: "lb-part-h" }, this.span, this.drop), this.kind, this.name, this.keep);
    this.startPart = el("button", { type: "button", class: "btn s", onclick: () => this.cutHere() }, t("label.part_here"), el("kbd", null, "S"));
    this.partCard = card("lb-subs", t("label.parts"), this.startPart, this.form, this.parts);
    this.undo = el("button", { type: "button", class: "btn", onclick: () => this.do(() => post("/view/episodes/undo", {})) }, t("label.undo"), el("kbd", null, "U"));
    this.bulk = el("button", { type: "button", class: "btn", onclick: () => this.everywhere() });
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    this.hands = el("section", { class: "card lb-hands" }, this.failed, this.undo, this.bulk, el("small", { class: "mute" }, t("label.nothing_erased")));
    this.right = el("div", { class: "lb-r" }, this.result, this.partCard, this.tasks, this.hands);
    this.nothing = el("div", { class: "card lb-nothing pg-nothing" }, el("h2", null, t("label.none")), el("p", null, t("label.none_do")), el("pre", null, "twin episodes cut"), el("p", { class: "mute" }, t("label.none_hand")));
    this.middle = el("div", { class: "lb-m" }, this.view, this.about, this.trend);
    this.lay(this.failed);
  }

  field(channel, word) {
    const input = el("input", { class: "ft-choice", type: "text", maxlength: 300, "aria-label": t(word), onchange: () => input.value.trim() && this.do(() => this.put({ labels: [{ channel, label: input.value.trim() }] })) });
    return el("label", { class: "lb-field" }, el("span", null, t(word)), input);
  }

  /** What the page is made of: only that is in it. */
  lay(...parts) {
    if (parts.length !== this.root.childElementCount || parts.some((part, i) => part !== this.root.children[i])) this.root.replaceChildren(...parts);
  }

  // ---- data ----

  get open() {
    return this.shown.find((one) => one.id === this.chosen);
  }

  get shown() {
    const left = (one) => !one.labelled || one.id === this.chosen;
    const wanted = { all: () => true, no: left, mine: left, failure: (one) => one.outcome === "failure" }[this.filter];
    return this.episodes.map((one) => this.seen(one)).filter(wanted);
  }

  /** A second person judges for herself: in her own queue nothing says how others judged. */
  seen(one) {
    return this.filter === "mine" ? unseen(one, this.answer.me) : one;
  }

  async load(wanted = this.chosen) {
    const before = this.chosen;
    try {
      const [told, agreed] = await Promise.all([fetchJson(`/view/episodes?limit=${MOST}`), fetchJson("/view/episodes/agreement")]);
      if (!this.ends.length) return;
      // the order that the queue had stays: a labelled one does not leap away under the hand
      const order = new Map(this.episodes.map((one, i) => [one.id, i]));
      this.episodes = told.episodes.sort((a, b) => (order.get(a.id) ?? Infinity) - (order.get(b.id) ?? Infinity) || 0);
      this.answer = told;
      this.agreed = agreed.agreement;
      this.fail(null);
    } catch (error) {
      this.fail(error);
    }
    const empty = !this.episodes.length;
    if (empty) {
      this.lay(this.failed.hidden ? this.nothing : this.failed);
      return;
    }
    this.hands.prepend(this.failed);
    this.lay(this.left, this.middle, this.right);
    // who went on meanwhile is not called back
    const meant = this.chosen === before ? wanted : this.chosen;
    const found = this.episodes.find((one) => one.id === meant) ?? this.shown[0] ?? this.episodes[0];
    this.drawList();
    if (found.id !== this.chosen) this.choose(found);
    else this.ask();
  }

  choose(one) {
    if (!one) return;
    this.chosen = one.id;
    this.detail = { ...one, may_tell: this.answer.may_tell };
    // only here: what comes of an episode later must not take back that a cause was asked for
    this.asksCause = false;
    this.mark(null);
    const url = new URL(location.href);
    url.searchParams.set("episode", one.id);
    history.replaceState(history.state, "", url);
    const plays = clock.playing;
    clock.seek(one.from_ms);
    clock.setLoop(one.from_ms, one.to_ms);
    if (plays) clock.play();
    this.drawList();
    this.show();
    this.ask();
  }

  async ask() {
    const { chosen } = this;
    try {
      const told = await fetchJson(`/view/episodes/labels?${new URLSearchParams({ episode: chosen })}`);
      if (this.chosen !== chosen) return;
      this.detail = told;
      this.show();
    } catch (error) {
      this.fail(error);
    }
  }

  // ---- what people say ----

  put(more) {
    return post("/view/episodes/labels", { episode: this.chosen, ...more });
  }

  async do(act, next = false) {
    if (this.busy || !this.detail?.may_tell) return;
    this.busy = true;
    const { chosen } = this;
    try {
      await act();
      this.fail(null);
      await this.load(chosen);
      if (next && this.chosen === chosen) this.choose(waiting(this.shown, chosen));
    } catch (error) {
      this.fail(error);
    }
    this.busy = false;
  }

  fail(error) {
    this.failed.hidden = !error;
    if (error) setText(this.failed, t("oee.not_saved", { detail: error.message }));
  }

  outcome(name) {
    if (name === "failure") this.askCause();
    else this.say(name);
  }

  /** A failure wants a cause: a number chooses one of those known, or it is written. */
  askCause() {
    this.asksCause = true;
    this.drawCauses();
    toggle(this.outcomes.get("failure"), "on", true);
    if (!this.causeWords.length) this.cause.focus();
  }

  say(outcome, cause = "") {
    this.asksCause = false;
    const labels = [{ channel: "outcome", label: outcome }];
    if (outcome === "failure" && cause.trim()) labels.push({ channel: "cause", label: cause.trim() });
    this.cause.blur();
    this.do(() => this.put({ labels }), true);
  }

  /** S: from here; S again: to here. */
  cutHere() {
    const at = this.signals.snapped(clock.now());
    if (this.part && this.part[1] === null && at !== this.part[0]) this.mark(Math.min(this.part[0], at), Math.max(this.part[0], at));
    else this.mark(at, null);
  }

  mark(from, to = null) {
    this.part = from === null ? null : [from, to];
    this.signals.setPart(from === null ? null : [from, to ?? from]);
    this.form.hidden = from === null;
    if (from === null) return;
    const s = (ms) => number((ms - this.detail.start_ms) / 1000, 2);
    setText(this.span, to === null ? t("label.part_from", { at: s(from) }) : `${s(from)} – ${s(to)} s`);
    this.keep.disabled = to === null;
    if (to !== null && this.kind.value !== "intervened") this.name.focus();
  }

  keepPart() {
    const kind = this.kind.value;
    const text = kind === "intervened" ? kind : this.name.value.trim();
    if (!this.part || this.part[1] === null || !text) return;
    const [from, to] = this.part;
    this.name.value = "";
    this.name.blur();
    this.do(() => this.put({ labels: [{ channel: kind === "intervened" ? "segment" : kind, label: text, from: String(from), to: String(to) }] }));
    this.mark(null);
  }

  everywhere() {
    const { asset, task } = this.detail;
    this.do(() => post("/view/episodes/bulk", { asset, task: task[this.lang] || task.ko || task.en, accept: true }));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target?.closest?.("input, textarea, select, [contenteditable], dialog")) {
      if (event.key === "Escape") event.target.blur?.();
      return;
    }
    const act = this.action(event.key);
    if (!act || !this.detail) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  action(key) {
    if (this.asksCause && /^[1-9]$/.test(key) && this.causeWords[key - 1]) return () => this.say("failure", this.causeWords[key - 1]);
    const step = (places) => () => this.choose(stepped(this.shown, this.chosen, places));
    const keys = {
      j: step(1), ArrowDown: step(1), k: step(-1), ArrowUp: step(-1),
      y: () => !this.accept.disabled && this.accept.click(), n: () => (this.asksCause ? this.say("failure") : this.askCause()), g: () => this.say("success"),
      s: () => this.cutHere(), u: () => this.undo.click(), Escape: () => { this.asksCause = false; this.mark(null); this.show(); },
    };
    return keys[key.length === 1 ? key.toLowerCase() : key];
  }

  // ---- picture ----

  setFilter(name) {
    this.filter = name;
    if (!this.open && this.shown.length) this.choose(this.shown[0]);
    else this.drawList();
    this.show();
  }

  drawList() {
    const { progress } = this.answer;
    const share = progress.all ? progress.labelled / progress.all : 0;
    setText(this.progress, t("label.progress", { done: progress.labelled, all: progress.all, percent: number(share * 100) }));
    this.bar.style.width = `${share * 100}%`;
    const counts = { all: this.episodes.length, no: this.episodes.filter((one) => !one.labelled).length, mine: this.episodes.filter((one) => !one.by.includes(this.answer.me)).length, failure: this.episodes.filter((one) => one.outcome === "failure").length };
    for (const [name, chip] of this.chips) {
      setText(chip, `${t(`label.filter_${name}`)} ${counts[name]}`);
      toggle(chip, "on", name === this.filter);
    }
    this.list.replaceChildren(...this.shown.map((one) => this.row(one)));
    const on = this.list.querySelector(".on");
    if (on) this.list.scrollTop = Math.max(0, on.offsetTop - this.list.offsetTop - this.list.clientHeight / 3);
    const pairs = this.agreed.map((one) => t("label.pair", { first: one.first, second: one.second, n: one.episodes, kappa: one.kappa === null ? "–" : number(one.kappa, 2), word: kappaWord(one.kappa) }));
    setText(this.agreement, pairs.length ? pairs.slice(0, 3).join("\n") : t("label.no_pair"));
  }

  row(one) {
    const said = one.labelled ? one.by.join(", ") : t("label.waits");
    const zone = live.directory.sites.get(one.site)?.timezone ?? this.zone;
    return el(
      "li",
      { role: "option", class: one.id === this.chosen ? "on" : "", "aria-selected": String(one.id === this.chosen), "data-id": one.id, "data-labelled": String(one.labelled), onclick: () => this.choose(one) },
      el("i", { class: `lb-mark is-${one.outcome}`, "aria-hidden": "true" }, MARKS[one.outcome]),
      el("span", { class: "lb-row" }, el("b", null, t(`label.${one.outcome}`), one.cause ? el("small", null, ` ${causeWord(one.cause)}`) : null), el("small", { class: "mute" }, `${shortName(one.asset)} · ${monthDay(one.start_ms, zone)} ${time(one.start_ms, zone)}`)),
      el("span", { class: "lb-row-r" }, el("small", null, `${number(one.duration_s, 1)} s`), el("small", { class: one.labelled ? "" : "mute" }, said)),
    );
  }

  show() {
    if (!this.detail || live.directory.empty) return;
    const one = this.seen(this.detail);
    const may = Boolean(one.may_tell);
    const zone = live.directory.sites.get(one.site)?.timezone ?? this.zone;
    const asset = live.directory.assets.get(one.asset);
    for (const node of [this.title, this.about_]) setText(node, `${asset?.name?.[this.lang] ?? shortName(one.asset)} · ${date(one.start_ms, zone)} ${time(one.start_ms, zone)}`);
    this.showTwin(one, asset);
    const fact = (word, text) => (text ? [el("dt", null, t(word)), el("dd", null, text)] : []);
    this.facts.replaceChildren(
      ...[
        fact("label.cut_by", `${t(`label.by_${one.method}`)}${one.key ? ` · ${one.key}` : ""}`), fact("label.lasted", `${number(one.duration_s, 2)} s`), fact("label.program", one.program),
        fact("label.origin", t(`label.origin_${one.source}`, {}, one.source)), fact("label.task", one.task[this.lang]), fact("label.said_by", one.by.join(", ") || t("label.nobody")),
      ].flat(),
    );
    const all = signalsOf(one.asset);
    if (this.pensOf !== one.asset && all.length) {
      this.pensOf = one.asset;
      this.penIds = firstOf(all);
    }
    this.pens.replaceChildren(...all.slice(0, 24).map((signal) => el("button", { type: "button", class: `chip ${this.penIds.includes(signal.id) ? "on" : ""}`, "aria-pressed": String(this.penIds.includes(signal.id)), onclick: () => this.flip(signal.id) }, labelled(signal.column, this.lang))));
    this.signals.show(one, this.penIds ?? []);
    const { outcome, cause } = one.suggested;
    setText(this.suggested, outcome === "unknown" ? t("label.no_rule") : t("label.rule_says", { what: [t(`label.${outcome}`), causeWord(cause)].filter(Boolean).join(" · ") }));
    this.accept.disabled = !may || outcome === "unknown";
    for (const [name, button] of this.outcomes) {
      toggle(button, "on", (one.labelled && one.outcome === name) || (name === "failure" && this.asksCause));
      button.disabled = !may;
    }
    if (document.activeElement !== this.cause) this.cause.value = one.labelled && one.outcome === "failure" ? one.cause : "";
    for (const lang of ["ko", "en"]) {
      const input = this.task[lang].querySelector("input");
      if (document.activeElement !== input) input.value = one.task[lang];
      input.disabled = !may;
    }
    this.cause.disabled = this.undo.disabled = this.startPart.disabled = !may;
    const waits = this.episodes.filter((other) => other.asset === one.asset && !other.labelled && other.task.ko === one.task.ko && other.suggested.outcome !== "unknown").length;
    setText(this.bulk, t("label.bulk", { n: waits }));
    this.bulk.disabled = !may || !waits;
    this.drawCauses();
    const parts = (one.labels ?? []).filter((label) => label.stands && ["subtask", "segment", "anomaly"].includes(label.channel)).sort((a, b) => a.from_ms - b.from_ms);
    const s = (ms) => number((ms - one.start_ms) / 1000, 2);
    this.parts.replaceChildren(...(parts.length ? parts.map((label) => el("li", { onclick: () => clock.seek(label.from_ms) }, el("b", null, partWord(label)), el("small", { class: "mute" }, `${s(label.from_ms)} – ${s(label.to_ms)} s · ${label.source === "human" ? label.who : t("label.rule")}`))) : [el("li", { class: "mute" }, t("label.no_parts"))]));
  }

  drawCauses() {
    this.causeWords = causesOf(this.episodes);
    this.causes.replaceChildren(...this.causeWords.map((cause, i) => el("li", null, el("button", { type: "button", class: "chip", disabled: !this.detail?.may_tell, onclick: () => this.say("failure", cause) }, el("kbd", null, String(i + 1)), causeWord(cause)))));
    toggle(this.causes, "is-asked", this.asksCause);
  }

  flip(id) {
    this.penIds = this.penIds.includes(id) ? this.penIds.filter((one) => one !== id) : [...this.penIds, id].slice(-8);
    this.show();
  }

  /** The robot is drawn only where its pose was recorded: else there is nothing true to draw. */
  showTwin(one, asset) {
    const moves = Boolean(asset && asset.roles.has(MOVED_BY[asset.type]));
    this.noTwin.hidden = moves;
    this.view.hidden = !moves;
    toggle(this.middle, "no-twin", !moves);
    if (!moves || this.twinOf === one.asset) return;
    this.twinOf = one.asset;
    this.twin?.dispose();
    this.stage.replaceChildren();
    this.twin = new TwinView(this.stage, { site: one.site, assets: [one.asset], mode: "3d", lang: this.lang, timezone: this.props.timezone }, () => {});
  }
}

function card(name, title, right, ...body) {
  return el("section", { class: `card ${name}` }, el("header", { class: "card-h" }, el("h2", null, title), right), body);
}

/** A cause that a rule gave is a signal's name: those known are said in words, each of them. */
const causeWord = (cause) => cause.split(", ").map((one) => t(`cause.${one}`, {}, one)).join(", ");
