// The alarm system's own figures: how many in ten minutes, floods, what comes too often, chatters, stands too long.
import { clock } from "./clock.js";
import { Core } from "./component.js";
import { named } from "./directory.js";
import { el, setText, Sheet, toggle } from "./dom.js";
import { duration, minute, monthDay, number, time } from "./format.js";
import { live } from "./live.js";
import { follow } from "./navigate.js";
import { Poll } from "./poll.js";
import { color, onTheme } from "./theme.js";
import { t } from "./words.js";
import { AIMS, split } from "./alarms/aims.js";
import { priorityMark } from "./alarms/marks.js";
import { PRIORITIES } from "./alarms/model.js";
import { alarmName, assetName } from "./alarms/say.js";

const EVERY_MS = 10_000;
const TEN_MS = 600_000;
const HOURS = [8, 24, 168, 720];
const percent = (ratio, decimals = 0) => (ratio === null || ratio === undefined ? "–" : `${number(ratio * 100, decimals)} %`);

export class AlarmFiguresCore extends Core {
  static rebuildOn = ["site", "compact", "lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.site = props.site || "*";
    this.hours = props.compact ? 8 : 24;
    this.answer = null;
    this.build();
    this.until(() => this.sheet.dispose());
    this.until(onTheme(() => this.sheet.ask()));
    this.until(
      live.on("directory", () => {
        this.drawSites();
        if (this.answer) this.hear(this.answer);
      }),
    );
    this.poll = new Poll(
      (moment) => {
        const query = new URLSearchParams({ site: this.site, span_s: String(this.hours * 3600) });
        if (moment !== null) query.set("as_of", String(Math.round(moment)));
        return `/api/v1/alarms/performance?${query}`;
      },
      (answer) => this.hear(answer),
      EVERY_MS,
      (message) => this.fail(message),
      2000,
    );
    this.until(() => this.poll.dispose());
  }

  build() {
    const { compact } = this.props;
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.sites = el("span", { class: "ft-chips", role: "group", "aria-label": t("alarm.site") });
    this.spans = el("span", { class: "seg", role: "group", "aria-label": t("alarm.span") }, HOURS.map((hours) => el("button", { type: "button", "data-h": hours, class: hours === this.hours ? "on" : "", onclick: () => this.setHours(hours) }, hours > 48 ? t("span.days", { n: hours / 24 }) : t("span.hours", { n: hours }))));
    this.chart = el("div", { class: "ft-af-chart" });
    this.sheet = new Sheet(this.chart, (context, width, height) => this.drawChart(context, width, height), t("figures.per_ten"));
    this.average = el("b");
    this.floods = el("b");
    this.top = el("div", { class: "ft-af-top" });
    this.rows = el("dl", { class: compact ? "kv" : "ft-af-rows" });
    this.lists = el("div", { class: "ft-af-lists" });
    const card = (name, title, note, ...inside) => el("section", { class: `card ft-af-${name}` }, el("header", { class: "card-h" }, el("h2", null, title), el("small", null, note), name === "ten" ? el("span", { class: "r" }, el("span", null, `${t("figures.average")} `, this.average), el("span", null, `${t("figures.in_flood")} `, this.floods)) : null), el("div", { class: "card-b" }, ...inside));
    const span = compact ? t("span.hours", { n: this.hours }) : "";
    this.root.replaceChildren(
      ...[
        compact ? null : el("div", { class: "ft-af-bar card" }, el("div", { class: "ft-al-filter" }, this.sites, this.spans, el("a", { class: "btn r", href: "/alarms", onclick: follow }, t("figures.to_list")))),
        card("ten", t("figures.per_ten"), span, this.note, this.chart),
        card("often", t("figures.often"), span, this.top),
        card("how", t("figures.title"), compact ? span : t("figures.standard"), this.rows),
        compact ? null : card("work", t("figures.chatter_and_stale"), "", this.lists),
      ].filter(Boolean),
    );
    toggle(this.root, "is-compact", compact);
    this.drawSites();
  }

  drawSites() {
    if (this.props.compact) return;
    const sites = [...live.directory.sites.values()];
    const chip = (id, text) => el("button", { type: "button", class: `chip${id === this.site ? " on" : ""}`, onclick: () => this.setSite(id) }, text);
    this.sites.replaceChildren(chip("*", t("alarm.every_site")), ...sites.map((site) => chip(site.id, named(site, this.lang))));
  }

  setSite(site) {
    this.site = site;
    this.drawSites();
    this.poll.refresh();
  }

  setHours(hours) {
    this.hours = hours;
    for (const button of this.spans.children) toggle(button, "on", Number(button.dataset.h) === hours);
    this.poll.refresh();
  }

  hear(answer) {
    this.answer = answer;
    setText(this.average, number(answer.average_per_ten_minutes, 1));
    setText(this.floods, percent(answer.flood_ratio, 1));
    this.drawTop(answer);
    this.drawRows(answer);
    if (!this.props.compact) this.drawLists(answer);
    this.sheet.ask();
  }

  drawTop(answer) {
    const shown = answer.top.slice(0, this.props.compact ? 5 : 10);
    const most = Math.max(1, ...shown.map((row) => row.count));
    if (!shown.length) this.top.replaceChildren(el("p", { class: "mute" }, t("figures.none")));
    else
      this.top.replaceChildren(
        ...shown.map((row) => {
          const fill = el("i");
          fill.style.width = `${(row.count / most) * 100}%`;
          return el("div", null, el("span", { title: row.alarm }, el("b", null, assetName(row)), " ", el("span", { class: "mute" }, alarmName(row, this.lang))), el("span", { class: "ft-af-bb" }, fill), el("b", { class: "num" }, number(row.count)));
        }),
      );
  }

  drawRows(answer) {
    const shares = split(answer);
    const three = (a, b, c) => `${a} / ${b} / ${c}`;
    const share = (x) => (x === null ? "–" : number(x * 100));
    const rows = [
      ["figures.split", `${three(share(shares.high), share(shares.medium), share(shares.low))} %`, "5 / 15 / 80 %", answer.count > 20 && shares.high > 0.1],
      ["figures.average_ten", number(answer.average_per_ten_minutes, 2), `≤ ${AIMS.average}`, answer.average_per_ten_minutes > AIMS.acceptable],
      ["figures.most_ten", number(answer.most_per_ten_minutes), `≤ ${AIMS.most}`, answer.most_per_ten_minutes > AIMS.most],
      ["figures.busy", percent(answer.busy_ratio, 1), "≤ 1 %", answer.busy_ratio > AIMS.busy],
      ["figures.busy_hours", percent(answer.busy_hours_ratio, 1), "≤ 1 %", answer.busy_hours_ratio > AIMS.busy],
      ["figures.flood", `${percent(answer.flood_ratio, 1)} · ${duration(answer.flood_s * 1000)}`, "≤ 1 %", answer.flood_ratio > AIMS.flood],
      ["figures.top_share", percent(answer.top_ratio), "≤ 5 %", false],
      ["figures.chattering", number(answer.chattering.length), "0", answer.chattering.length > 0],
      ["figures.stale", number(answer.stale.length), "< 5", answer.stale.length >= AIMS.stale],
      ["figures.acknowledged", answer.acknowledged_after_s === null ? "–" : answer.acknowledged_after_s < 120 ? `${number(answer.acknowledged_after_s)} s` : duration(answer.acknowledged_after_s * 1000), "", false],
    ];
    if (this.props.compact) {
      const few = ["figures.split", "figures.chattering", "figures.stale", "figures.acknowledged"];
      this.rows.replaceChildren(...rows.filter(([key]) => few.includes(key)).flatMap(([key, text, aim]) => [el("dt", null, t(key)), el("dd", null, text), ...(key === "figures.split" ? [el("dt", null, t("figures.aim")), el("dd", { class: "mute" }, aim)] : [])]));
    } else
      this.rows.replaceChildren(
        el("div", { class: "ft-af-hd" }, el("span"), el("span", null, t("figures.is")), el("span", null, t("figures.aim")), el("span")),
        ...rows.map(([key, text, aim, over]) => el("div", { class: over ? "is-over" : "" }, el("dt", null, t(key)), el("dd", null, text), el("span", { class: "mute" }, aim), el("span", { class: "ft-af-w" }, over ? t("figures.over") : ""))),
      );
  }

  drawLists(answer) {
    const list = (title, rows, none) => el("div", null, el("h3", null, title, " ", el("small", { class: "mute" }, number(rows.length))), rows.length ? el("ul", null, rows.map((row) => el("li", null, el("a", { href: `/alarms?alarm=${encodeURIComponent(row.alarm)}`, onclick: follow }, el("b", null, assetName(row)), " ", alarmName(row, this.lang))))) : el("p", { class: "mute" }, none));
    const by = el("div", { class: "ft-af-pri" }, PRIORITIES.map((priority) => el("span", null, priorityMark(priority, true), el("b", null, number(answer.by_priority[priority])), el("small", { class: "mute" }, percent(answer.priority_ratio[priority])))));
    this.lists.replaceChildren(el("div", null, el("h3", null, t("figures.by_priority")), by), list(t("figures.chattering_list", { s: number(answer.chatters_within_s) }), answer.chattering, t("figures.no_chattering")), list(t("figures.stale_list"), answer.stale, t("figures.no_stale")));
  }

  drawChart(context, width, height) {
    const { answer } = this;
    if (!answer) return;
    const zone = live.directory.sites.get(answer.site)?.timezone ?? this.zone;
    // Many ten-minutes share a bar as soon as there is no room for each; the worst of them stands for all.
    const counts = answer.per_ten_minutes;
    const each = Math.max(1, Math.ceil(counts.length / Math.max(1, Math.floor((width - 4) / 5))));
    const bars = [];
    for (let i = 0; i < counts.length; i += each) bars.push(Math.max(...counts.slice(i, i + each)));
    const [top, bottom] = [14, height - 18];
    const most = Math.max(answer.flood_above + 2, ...bars);
    const step = width / Math.max(1, bars.length);
    const y = (n) => bottom - (n / most) * (bottom - top);
    context.font = `11px ${color("--font")}`;
    context.fillStyle = color("--line");
    context.fillRect(0, bottom, width, 1);
    bars.forEach((n, i) => {
      const flood = n > answer.flood_above;
      context.fillStyle = color(flood ? "--p2" : "--run");
      if (n) context.fillRect(i * step + 1, y(n), Math.max(1, step - 2), bottom - y(n));
      if (flood && step > 3) {
        context.fillStyle = color("--ink");
        context.textAlign = "center";
        context.fillText(number(n), Math.min(width - 8, Math.max(8, (i + 0.5) * step)), y(n) - 3);
      }
    });
    context.strokeStyle = color("--needle");
    context.setLineDash([5, 3]);
    context.beginPath();
    context.moveTo(0, y(answer.flood_above));
    context.lineTo(width, y(answer.flood_above));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = color("--ink-2");
    context.textAlign = "left";
    context.fillText(t("figures.flood_above", { n: answer.flood_above }), 0, y(answer.flood_above) - 4);
    const hours = (answer.to_ms - answer.from_ms) / 3_600_000;
    const every = [1, 2, 4, 12, 24, 72, 168].find((one) => (one / hours) * width > 60) ?? 168;
    const first = Math.ceil(answer.from_ms / (every * 3_600_000)) * every * 3_600_000;
    context.textAlign = "center";
    for (let ms = first; ms < answer.to_ms; ms += every * 3_600_000) {
      const at = ((ms - answer.from_ms) / (bars.length * each * TEN_MS)) * width;
      if (at > 18 && at < width - 18) context.fillText(hours > 48 ? monthDay(ms, zone) : minute(ms, zone), at, height - 4);
    }
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.answer", { what: t("figures.title"), detail: message, at: time(clock.now(), "UTC") }));
  }
}
