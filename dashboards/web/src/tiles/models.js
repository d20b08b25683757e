// Anomaly models: a list at the left; of the chosen one its scores, what is behind them, and how good it is.
import { clock } from "../clock.js";
import { Core } from "../component.js";
import { el, setText } from "../dom.js";
import { date, minute, monthDay, number, shortName, time } from "../format.js";
import { blameBars, ratio, ratioChart } from "../models/draw.js";
import { Poll } from "../poll.js";
import { post } from "../send.js";
import { stateWord, t } from "../words.js";

const EVERY_MS = 3000;
const HOURS = [1, 4, 8, 24];
const LEARN_H = [2, 8, 24, 72, 168];
const ROWS = ["t2", "q", "t2_or_q", "alarm", "forest", "always"];
const MEASURES = ["far", "mar", "f1", "auroc", "auprc"];
const percent = (share, digits = 1) => (share === null || share === undefined ? "–" : `${number(share * 100, digits)} %`);

export class ModelsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-models");
    this.until(() => root.classList.remove("ft-models"));
    const asked = new URL(location.href).searchParams;
    this.chosen = asked.get("model") ? { name: asked.get("model"), version: Number(asked.get("version")) || 0 } : null;
    this.hours = HOURS.includes(Number(asked.get("hours"))) ? Number(asked.get("hours")) : 4;
    this.at = null;
    this.build();
    this.poll = new Poll((asOf) => this.url(asOf), (answer) => this.hear(answer), EVERY_MS, (message) => this.fail(message), 2000);
    this.until(() => this.poll.dispose());
    const size = new ResizeObserver(() => this.answer?.detail && this.drawChart(this.answer.detail));
    size.observe(this.chart.body);
    this.until(() => size.disconnect());
  }

  url(asOf) {
    const query = new URLSearchParams();
    if (asOf !== null) query.set("as_of_ms", String(Math.round(asOf)));
    if (this.chosen) {
      query.set("name", this.chosen.name);
      query.set("version", String(this.chosen.version));
      query.set("hours", String(this.hours));
      if (this.at !== null) query.set("at_ms", String(Math.round(this.at)));
    }
    return `/view/models?${query}`;
  }

  card(title, className, more = null) {
    const small = el("small");
    const right = el("span", { class: "r" }, more);
    const body = el("div", { class: "card-b ft-scroll", tabindex: "0" });
    return { small, right, body, node: el("section", { class: `card ${className}` }, el("header", { class: "card-h" }, el("h2", null, title), small, right), body) };
  }

  build() {
    this.note = el("p", { class: "ft-note", role: "status" }, t("wait.figures"));
    this.list = this.card(t("models.list"), "md-list");
    this.training = this.card(t("models.train"), "md-train");
    this.head = el("section", { class: "card md-head" });
    this.span = el("select", { class: "ft-choice", "aria-label": t("models.span"), onchange: (event) => {
      this.hours = Number(event.target.value);
      this.choose(this.chosen);
    } }, HOURS.map((one) => el("option", { value: one, selected: one === this.hours }, t("models.last_hours", { n: one }))));
    const legend = ["t2", "q", "forest"].map((name) => el("span", { class: "md-k" }, el("i", { class: `is-${name}` }), t(`models.row_${name}`)));
    this.chart = this.card(t("models.scores"), "md-scores", [...legend, this.span]);
    this.blame = this.card(t("models.behind"), "md-behind", [el("span", { class: "md-k" }, el("i", { class: "is-t2" }), "T²"), el("span", { class: "md-k" }, el("i", { class: "is-q" }), "Q")]);
    this.table = this.card(t("models.table"), "md-table");
    this.facts = this.card(t("models.facts"), "md-facts");
    this.side = el("div", { class: "md-l" }, this.list.node);
    this.main = el("div", { class: "md-m" }, this.head, this.chart.node, el("div", { class: "md-low" }, this.blame.node, this.table.node, this.facts.node));
    this.empty = el("section", { class: "card md-none" });
    this.root.replaceChildren(this.note);
  }

  name(name) {
    return (this.lang === "ko" ? name?.ko : name?.en) || name?.en || name?.ko || "";
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.part", { what: t("models.title"), detail: message, at: time(clock.now(), this.zone) }));
  }

  choose(one) {
    if (one && (this.chosen?.name !== one.name || this.chosen?.version !== one.version)) this.at = null;
    this.chosen = one && { name: one.name, version: one.version };
    const url = new URL(location.href);
    if (this.chosen) {
      url.searchParams.set("model", this.chosen.name);
      url.searchParams.set("version", this.chosen.version);
    }
    url.searchParams.set("hours", this.hours);
    history.replaceState(history.state, "", url.pathname + url.search);
    this.poll.refresh();
  }

  hear(answer) {
    this.answer = answer;
    this.note.hidden = answer.scoring || !answer.models.some((one) => one.state === "active");
    setText(this.note, t("models.not_scoring"));
    const { models } = answer;
    const chosen = models.find((one) => one.name === this.chosen?.name && one.version === this.chosen?.version);
    if (!chosen && models.length) return void this.choose(models.find((one) => one.state === "active") ?? models.at(-1));
    this.arrange(chosen ? this.main : this.empty);
    this.drawList(models, chosen);
    this.drawTraining(answer);
    if (!chosen) return void this.empty.replaceChildren(el("div", { class: "empty" }, el("b", null, t("models.none")), el("p", null, t("models.none_do"))));
    this.drawHead(chosen);
    this.drawTable(chosen);
    this.drawFacts(chosen);
    const { detail } = answer;
    if (detail && detail.name === chosen.name && detail.version === chosen.version) {
      setText(this.chart.small, detail.why ? detail.why : detail.stored ? t("models.stored") : t("models.computed"));
      this.span.hidden = !detail.stored;
      this.drawChart(detail);
      this.drawBlame(detail);
    }
  }

  /** What is shown beside the list; what is not is no part of the page. */
  arrange(shown) {
    if (this.root.lastChild !== shown) this.root.replaceChildren(this.note, this.side, shown);
  }

  drawList(models, chosen) {
    setText(this.list.small, t("models.count", { n: new Set(models.map((one) => one.name)).size }));
    const names = [...new Set(models.map((one) => one.name))];
    this.list.body.replaceChildren(
      el("ul", { class: "md-rows" }, names.flatMap((name) => {
        const mine = models.filter((one) => one.name === name);
        const shown = mine.filter((one) => one.state === "active" || one === mine.at(-1) || one === chosen).reverse();
        return shown.map((one) => el(
          "li",
          { class: one === chosen ? "on" : null },
          el("button", { type: "button", "aria-pressed": String(one === chosen), onclick: () => this.choose(one) },
            el("b", null, one.name, el("em", null, t("models.version", { n: one.version }))),
            el("small", null, `${shortName(one.asset)} · ${this.regime(one)}`),
            el("span", { class: `md-state is-${one.state}` }, t(`models.state_${one.state}`)),
          ),
        ));
      })),
    );
  }

  regime(one) {
    if (!one.about) return t("models.damaged");
    const states = one.about.states.map((word) => stateWord(word)).join(", ") || t("models.any_state");
    return [states, ...one.about.modes].join(" / ");
  }

  drawHead(one) {
    const may = one.may && !clock.replaying;
    const act = (word, verb) => {
      const button = el("button", { type: "button", class: `btn${verb === "activate" ? " main-btn" : ""}`, onclick: () => this.act(one, verb, button) }, t(word));
      return button;
    };
    const buttons = may ? [one.state === "active" ? act("models.retire", "retire") : one.wrong ? null : act("models.activate", "activate")] : [];
    const asset = el("a", { href: `/asset/${encodeURI(one.asset)}` }, one.asset);
    this.head.replaceChildren(
      el("div", { class: "md-what" }, el("h2", null, one.name, el("em", null, t("models.version", { n: one.version }))), asset, el("span", { class: "cap" }, this.regime(one))),
      el("span", { class: `md-state is-${one.state}` }, t(`models.state_${one.state}`)),
      el("span", { class: "cap" }, t("models.since", { at: `${monthDay(one.changed_ms, this.zone)} ${minute(one.changed_ms, this.zone)}`, who: one.changed_by })),
      (this.said = el("span", { class: "md-said", role: "alert" }, one.wrong)),
      el("span", { class: "md-acts" }, buttons),
    );
  }

  async act(one, verb, button) {
    button.disabled = true;
    try {
      await post("/view/models/acts", { name: one.name, version: one.version, act: verb });
      this.poll.refresh();
    } catch (error) {
      setText(this.said, error.message);
      button.disabled = false;
    }
  }

  drawChart(detail) {
    if (!detail.t_ms?.length) return void this.chart.body.replaceChildren(el("div", { class: "empty" }, el("b", null, t("models.no_scores")), el("p", null, detail.why || t(detail.stored ? "models.no_scores_live" : "models.no_scores_do"))));
    const [width, height] = [Math.max(320, this.chart.body.clientWidth - 24), Math.max(150, this.chart.body.clientHeight - 14)];
    const words = { title: t("models.scores"), alarm: t("models.row_alarm") };
    const drawn = ratioChart(detail, detail.blame?.t_ms ?? null, width, height, this.zone, words);
    drawn.chart.addEventListener("click", (event) => {
      const box = drawn.chart.getBoundingClientRect();
      this.at = drawn.at(((event.clientX - box.left) / box.width) * width);
      this.poll.refresh();
    });
    this.chart.body.replaceChildren(drawn.chart);
  }

  drawBlame({ blame }) {
    if (!blame) {
      setText(this.blame.small, "");
      return void this.blame.body.replaceChildren(el("div", { class: "empty" }, el("b", null, t("models.no_blame")), el("p", null, t("models.no_blame_do"))));
    }
    setText(this.blame.small, t("models.behind_at", { at: time(blame.t_ms, this.zone), t2: ratio(blame.t2), q: ratio(blame.q) }));
    const words = { t2: "T²", q: "Q" };
    const back = this.at === null ? null : el("button", { type: "button", class: "btn s", onclick: () => {
      this.at = null;
      this.poll.refresh();
    } }, t("models.newest"));
    this.blame.body.replaceChildren(blameBars(blame, (row) => this.name(row.label) || row.signal, words), ...(back ? [back] : []));
  }

  drawTable({ table, evaluated_ms }) {
    setText(this.table.small, table ? t("models.table_of", { at: monthDay(evaluated_ms, this.zone), n: number(table.windows), share: percent(table.anomalous) }) : "");
    if (!table) return void this.table.body.replaceChildren(el("div", { class: "empty" }, el("b", null, t("models.no_table")), el("p", null, t("models.no_table_do"))));
    const rows = ROWS.map((name) => table.rows.find((row) => row.name === name)).filter(Boolean);
    const cell = (row, one) => el("td", { class: "num" }, one === "far" || one === "mar" ? percent(row[one], 2) : row[one] === null ? "–" : number(row[one], 3));
    this.table.body.replaceChildren(
      el("table", { class: "tbl md-measures" }, el("thead", null, el("tr", null, el("th"), MEASURES.map((one) => el("th", { class: "num", scope: "col", title: t(`models.${one}_do`) }, t(`models.${one}`))))), el("tbody", null, rows.map((row) => el("tr", { class: row.name === "always" ? "is-always" : null }, el("th", { scope: "row" }, t(`models.row_${row.name}`)), MEASURES.map((one) => cell(row, one)))))),
      el("p", { class: "cap" }, t("models.always_note")),
    );
  }

  drawFacts(one) {
    const { about } = one;
    if (!about) return void this.facts.body.replaceChildren(el("p", { class: "cap" }, one.wrong));
    const spans = about.spans.map((span) => `${date(span.from_ms, this.zone)} ${minute(span.from_ms, this.zone)} – ${date(span.to_ms, this.zone)} ${minute(span.to_ms, this.zone)}`);
    const unseen = Object.entries(about.unseen);
    const facts = [
      ["models.fact_trained", `${date(one.trained_ms, this.zone)} ${minute(one.trained_ms, this.zone)} · ${one.trained_by}`],
      ["models.fact_from", spans.join(", ")],
      ["models.fact_windows", t("models.fact_windows_of", { fitted: number(about.fitted), held: number(about.held_out), s: number(about.window_s) })],
      ["models.fact_signals", t("models.fact_signals_of", { n: about.signals, k: about.components, share: percent(about.explained) })],
      ["models.fact_limits", t("models.fact_limits_of", { t2: number(about.t2, 2), q: number(about.q, 2), budget: percent(about.budget, 2) })],
      ...(unseen.length ? [["models.fact_unseen", unseen.map(([name, why]) => `${name} (${t(`models.why_${why}`)})`).join(", ")]] : []),
      ["models.fact_hash", `${about.sha256.slice(0, 16)}…`],
    ];
    this.facts.body.replaceChildren(el("dl", { class: "md-dl" }, facts.flatMap(([word, text]) => [el("dt", null, t(word)), el("dd", null, text)])));
  }

  drawTraining(answer) {
    const may = answer.assets.length > 0 && !clock.replaying;
    if (!may) return void this.training.node.remove();
    if (!this.training.node.isConnected) this.side.append(this.training.node);
    if (!this.form) this.training.body.replaceChildren(this.makeForm(answer), (this.runs = el("ul", { class: "md-runs" })));
    this.go.disabled = Boolean(answer.missing) || answer.runs.some((run) => run.state === "running");
    setText(this.missing, answer.missing ? t("models.missing", { what: answer.missing }) : "");
    const shown = answer.runs.slice(0, 4).map((run) => el("li", { class: `is-${run.state}` }, el("b", null, run.name), el("span", null, t(`models.run_${run.state}`)), run.error ? el("small", null, run.error) : null));
    if (this.runs.textContent !== shown.map((one) => one.textContent).join("")) this.runs.replaceChildren(...shown);
  }

  makeForm(answer) {
    const field = (word, input) => el("label", null, el("span", { class: "cap" }, t(word)), input);
    const asset = el("select", { class: "ft-choice", name: "asset" }, answer.assets.map((one) => el("option", { value: one.id }, `${shortName(one.id)}${one.name ? ` · ${this.name(one.name)}` : ""}`)));
    const name = el("input", { type: "text", class: "ft-choice", name: "name", required: true, maxlength: "64", pattern: "[^\\s/.\\-][^\\s/]*" });
    const suggest = () => {
      name.value = shortName(asset.value);
    };
    asset.addEventListener("change", suggest);
    suggest();
    const from = el("select", { class: "ft-choice", name: "from" }, LEARN_H.map((one) => el("option", { value: `h${one}`, selected: one === 24 }, t("models.last_hours", { n: one }))), answer.recordings.map((one) => el("option", { value: `r${one}` }, t("models.recording", { name: one }))));
    const state = el("select", { class: "ft-choice", name: "state" }, el("option", { value: "" }, t("models.production")), el("option", { value: "any" }, t("models.any_state")), el("option", { value: "Idle" }, stateWord("Idle")));
    this.go = el("button", { type: "submit", class: "btn main-btn" }, t("models.begin"));
    this.missing = el("small", { class: "md-said", role: "alert" });
    this.form = el("form", { class: "md-form", onsubmit: (event) => {
      event.preventDefault();
      const learn = from.value[0] === "h" ? { hours: Number(from.value.slice(1)) } : { recordings: [from.value.slice(1)] };
      this.train({ name: name.value, asset: asset.value, states: state.value ? [state.value] : [], ...learn });
    } }, field("models.asset", asset), field("models.name", name), field("models.learn_from", from), field("models.regime", state), this.missing, this.go);
    return this.form;
  }

  async train(body) {
    this.go.disabled = true;
    try {
      await post("/view/models", body);
      setText(this.missing, "");
      this.poll.refresh();
    } catch (error) {
      setText(this.missing, error.message);
      this.go.disabled = false;
    }
  }
}
