// The alarm banner of every page: the three most urgent that wait, how many there are, how fast they come, the sound.
import { alarms, counted, HIDDEN, PRIORITIES, WINDOW_MS } from "./alarms/model.js";
import { setPriority } from "./alarms/marks.js";
import { alarmHref, alarmName, assetName, valueOf } from "./alarms/say.js";
import { Sound } from "./alarms/sound.js";
import { clock } from "./clock.js";
import { Core } from "./component.js";
import { el, setText, svg, toggle } from "./dom.js";
import { number, time } from "./format.js";
import { live } from "./live.js";
import { follow, go } from "./navigate.js";
import { t } from "./words.js";

const SHOWN = 3;
const BARS = 10;
const FLOOD = 10;
const SOUND_ON = "M3 6.2h2.6L9 3.2v9.6L5.6 9.8H3zM11.2 5.6a3.4 3.4 0 0 1 0 4.8M12.9 3.8a6 6 0 0 1 0 8.4";
const SOUND_OFF = "M3 6.2h2.6L9 3.2v9.6L5.6 9.8H3zM11.4 6l3.4 4M14.8 6l-3.4 4";

export class AlarmBannerCore extends Core {
  static rebuildOn = ["lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    alarms.rights = props.may ?? {};
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", t("banner.title"));
    this.items = Array.from({ length: SHOWN }, (_, i) => this.item(i));
    this.none = el("div", { class: "ft-banner-none" }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: "m3 8.4 3.2 3.2L13 4.8", fill: "none", stroke: "currentColor", "stroke-width": 1.7 })), (this.noneText = el("span")));
    this.counts = new Map(PRIORITIES.map((priority) => [priority, { mark: el("i"), n: el("b") }]));
    this.waiting = el("b");
    this.rate = el("b");
    this.flood = el("span", { class: "ft-flood", hidden: true }, t("banner.flood"));
    this.bars = svg("svg", { class: "ft-rate-bars opt", viewBox: `0 0 ${BARS * 6} 20`, "aria-hidden": "true" });
    this.soundIcon = svg("path", { fill: "none", stroke: "currentColor", "stroke-width": 1.3, "stroke-linejoin": "round" });
    this.soundWord = el("span");
    this.soundButton = el("button", { class: "btn s ft-sound", type: "button", onclick: () => this.sound.toggle() }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, this.soundIcon), this.soundWord);
    this.news = el("span", { class: "ft-sr", role: "status", "aria-live": "assertive" });
    root.replaceChildren(
      ...this.items.map((item) => item.node),
      this.none,
      el("a", { class: "ft-banner-counts", href: "/alarms", onclick: follow, title: t("banner.open") }, [...this.counts.values()].map((one) => el("span", null, one.mark, one.n)), el("small", { class: "opt" }, t("banner.waiting"), " ", this.waiting)),
      el("a", { class: "ft-banner-rate", href: "/alarms/performance", onclick: follow, title: t("banner.rate_title") }, el("span", null, t("banner.rate")), this.rate, this.flood, this.bars),
      el("div", { class: "ft-banner-sound" }, this.soundButton),
      this.news,
    );
    this.sound = new Sound(() => this.drawSound());
    this.until(() => this.sound.dispose());
    this.until(alarms.on(() => this.draw()));
    this.until(live.on("directory", () => this.draw()));
    this.until(clock.subscribe(() => this.drawMode()));
    const timer = setInterval(() => this.drawRate(), 2000);
    this.until(() => clearInterval(timer));
    const key = (event) => this.key(event);
    document.addEventListener("keydown", key);
    this.until(() => document.removeEventListener("keydown", key));
    this.draw();
    this.drawSound();
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.target?.closest?.("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "a" || event.key === "A") {
      event.preventDefault();
      go("/alarms");
    }
  }

  item(at) {
    const item = { mark: el("i"), time: el("time"), asset: el("b"), text: el("span"), row: null };
    item.ack = el("button", { class: "btn s", type: "button", onclick: () => this.acknowledge(item) }, t("alarm.acknowledge"));
    item.link = el("a", { class: "ft-banner-link", href: "/alarms", onclick: follow }, item.mark, item.time, el("span", { class: "ft-banner-text" }, item.asset, item.text));
    item.node = el("div", { class: `ft-banner-item${at ? " opt" : ""}`, hidden: true }, item.link, item.ack);
    return item;
  }

  async acknowledge(item) {
    const { row } = item;
    if (!row) return;
    try {
      await alarms.act("acknowledge", [row]);
      setText(this.news, "");
    } catch (error) {
      setText(item.text, t("alarm.not_done", { detail: error.message }));
    }
  }

  draw() {
    const shown = alarms.list.filter((row) => row.waits);
    this.items.forEach((item, i) => this.drawItem(item, shown[i] ?? null));
    this.none.hidden = shown.length > 0;
    const active = alarms.list.filter((row) => !HIDDEN.has(row.letter)).length;
    setText(this.noneText, !alarms.ready ? t(alarms.failed ? "banner.failed" : "banner.wait") : active ? t("banner.all_acknowledged", { n: active }) : t("banner.none"));
    for (const [priority, count] of counted(alarms.list)) {
      const { mark, n } = this.counts.get(priority);
      setPriority(mark, priority, count.waits > 0);
      setText(n, number(count.n));
      toggle(n.parentElement, "is-zero", count.n === 0);
    }
    setText(this.waiting, number(shown.length));
    if (clock.replaying) this.sound.forget();
    else if (alarms.ready) {
      this.sound.look(alarms.list);
      const [first] = shown;
      if (first && first.priority === 1) setText(this.news, t("banner.news", { asset: assetName(first), name: alarmName(first, this.lang) }));
    }
    this.drawRate();
  }

  drawItem(item, row) {
    item.node.hidden = !row;
    item.row = row;
    if (!row) return;
    setPriority(item.mark, row.priority, true);
    const zone = live.directory.sites.get(row.site)?.timezone ?? this.zone;
    setText(item.time, time(row.raised_ms, zone));
    setText(item.asset, assetName(row));
    const { text, unit } = valueOf(row);
    const said = typeof row.value === "number" ? ` ${text}${unit && unit !== "%" && unit !== "°" ? " " : ""}${unit}` : "";
    setText(item.text, `${alarmName(row, this.lang)}${said}${row.raised ? "" : ` · ${t("alarm.over")}`}`);
    item.link.href = alarmHref(row);
    item.link.title = `${row.id}\n${row.action?.[this.lang] ?? ""}`;
    item.node.dataset.pri = row.priority ?? "";
    const pending = alarms.isPending(row);
    item.ack.disabled = !alarms.may("acknowledge", row);
    item.ack.title = clock.replaying ? t("alarm.not_in_the_past") : item.ack.disabled && !pending ? t("alarm.no_right") : "";
    setText(item.ack, t(pending ? "alarm.pending" : "alarm.acknowledge"));
  }

  drawMode() {
    const mode = clock.mode;
    if (mode !== this.mode) {
      this.mode = mode;
      this.draw();
    }
  }

  drawRate() {
    const { recent, flood } = alarms.rate();
    setText(this.rate, alarms.ready ? number(recent.length) : "–");
    this.flood.hidden = !flood;
    toggle(this.root, "is-flood", flood);
    const now = clock.now();
    const counts = new Array(BARS).fill(0);
    for (const ms of recent) counts[Math.min(BARS - 1, Math.max(0, Math.floor(((ms - now + WINDOW_MS) / WINDOW_MS) * BARS)))]++;
    const key = counts.join();
    if (this.drawn === key) return;
    this.drawn = key;
    const most = Math.max(FLOOD / 2, ...counts);
    this.bars.replaceChildren(
      svg("line", { x1: 0, x2: BARS * 6, y1: 1, y2: 1, class: "ft-rate-top" }),
      ...counts.map((n, i) => svg("rect", { x: i * 6 + 0.5, y: 20 - Math.max(1, (n / most) * 17), width: 5, height: Math.max(1, (n / most) * 17), class: "m-run" })),
    );
  }

  drawSound() {
    const { on, allowed } = this.sound;
    this.soundIcon.setAttribute("d", on ? SOUND_ON : SOUND_OFF);
    setText(this.soundWord, t(on ? "banner.sound_on" : "banner.sound_off"));
    this.soundButton.title = t(on ? (allowed ? "banner.silence" : "banner.sound_waits") : "banner.unsilence");
    this.soundButton.setAttribute("aria-pressed", on ? "true" : "false");
    toggle(this.soundButton, "is-off", !on);
  }

  update(props) {
    super.update(props);
    alarms.rights = props.may ?? {};
  }
}

