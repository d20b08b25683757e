// The time bar's hands: play, steps, speed listed and typed, loop, gaps, the window's width, and the way back to live.
import { Bookmarks } from "./bookmarks.js";
import { clock } from "./clock.js";
import { el, setText, svg, toggle } from "./dom.js";
import { FidelityBadge } from "./fidelity.js";
import { ago, date, time, zoneName } from "./format.js";
import { makeEpisode } from "./label/make.js";
import { live } from "./live.js";
import { parseSpeed, speedText, SPEEDS } from "./playback.js";
import { t } from "./words.js";

export const HOUR_MS = 3_600_000;
const SPANS_H = [0.25, 1, 4, 8, 24];
/** What one step is, seconds. */
const STRIDES_S = [0.1, 1, 10, 60];
const PLAY = "M4 2.5 13.5 8 4 13.5Z";
const PAUSE = "M4 2.8h3v10.4H4zM9 2.8h3v10.4H9z";

const icon = (d) => svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d, fill: "currentColor" }));

function button(key, d, action, className = "") {
  return el("button", { class: `ft-tbtn ${className}`, type: "button", title: t(key), "aria-label": t(key), onclick: action }, icon(d));
}

export class TimeControls {
  /** @param {{span_ms: number, view: {from: number, to: number}, zone: string, setSpan: function}} strip the time bar */
  constructor(strip) {
    this.strip = strip;
    this.playButton = button("strip.play", PLAY, () => clock.toggle(), "is-play");
    this.clockText = el("b");
    this.clockNote = el("small");
    this.loop = button("strip.loop", "M3 7V4.5h8V2.2L14.5 5.6 11 9V6.7H5V7zM13 9v2.5H5v2.3L1.5 10.4 5 7v2.3h6V9z", () => this.toggleLoop());
    this.gaps = button("strip.skip_gaps", "M1.5 3.5h2v9h-2zM12.5 3.5h2v9h-2zM4.5 7.2h4V4.8L11.8 8 8.5 11.2V8.8h-4z", () => clock.setSkipGaps(!clock.skipGaps));
    this.reverse = button("strip.reverse", "M7.5 3v10L1.5 8ZM14 3v10L8 8Z", () => clock.setSpeed(-clock.speed));
    this.speed = el("select", { class: "ft-speed", "aria-label": t("strip.speed"), onchange: (event) => clock.setSpeed(Math.sign(clock.speed) * Number(event.target.value)) });
    this.typed = el("input", { class: "ft-speed-in", type: "text", inputmode: "decimal", size: 5, title: t("strip.speed_typed"), "aria-label": t("strip.speed_typed"), onchange: () => this.type(), onkeydown: (event) => event.key === "Escape" && event.target.blur() });
    this.episode = el("button", { class: "btn s", type: "button", hidden: true, onclick: () => this.makeEpisode() }, t("label.make"));
    this.spans = SPANS_H.map((hours) => el("button", { type: "button", "data-hours": hours, onclick: () => strip.setSpan(hours * HOUR_MS) }, hours < 1 ? t("span.minutes", { n: hours * 60 }) : t("span.hours", { n: hours })));
    this.liveButton = el("button", { class: "btn ft-to-live", type: "button", onclick: () => clock.toLive() }, el("i"), "LIVE", el("kbd", null, "L"));
    this.stride = el("select", { class: "ft-speed", title: t("strip.stride"), "aria-label": t("strip.stride"), onchange: (event) => (clock.stride_s = Number(event.target.value)) }, STRIDES_S.map((s) => el("option", { value: s }, s < 60 ? t("span.seconds", { n: s }) : t("span.minutes", { n: s / 60 }))));
    this.stride.value = String(clock.stride_s);
    this.fidelity = new FidelityBadge(strip);
    this.bookmarks = new Bookmarks(strip);
    this.speed.append(...SPEEDS.map((speed) => el("option", { value: speed }, `${speed}×`)), el("option", { value: "", hidden: true }, "…"));
    this.node = el(
      "div",
      { class: "ft-timebar", role: "toolbar", "aria-label": t("strip.controls") },
      el(
        "span",
        { class: "grp" },
        button("strip.previous_event", "M2 2.8h2v10.4H2zM13.5 2.8v10.4L5 8Z", () => clock.jump(-1)),
        button("strip.previous_data", "M10.5 3 5.5 8l5 5z", () => clock.stepData(-1), "opt"),
        button("strip.back", "M11 2.8v10.4L3 8ZM12 2.8h1.6v10.4H12z", () => clock.step(-1)),
        this.playButton,
        button("strip.forward", "M5 2.8v10.4L13 8ZM2.4 2.8H4v10.4H2.4z", () => clock.step(1)),
        button("strip.next_data", "M5.5 3l5 5-5 5z", () => clock.stepData(1), "opt"),
        button("strip.next_event", "M12 2.8h2v10.4h-2zM2.5 2.8v10.4L11 8Z", () => clock.jump(1)),
        this.stride,
      ),
      el("span", { class: "ft-tclock" }, this.clockText, this.clockNote),
      el("span", { class: "grp" }, this.reverse, el("span", { class: "lab" }, t("strip.speed")), this.speed, this.typed),
      el("span", { class: "grp" }, this.loop, this.gaps, this.episode),
      el("span", { class: "grp opt" }, el("span", { class: "lab" }, t("strip.window")), el("span", { class: "seg", role: "group", "aria-label": t("strip.window") }, this.spans)),
      el("span", { class: "grp end" }, this.bookmarks.node, this.fidelity.node, this.liveButton),
    );
  }

  /** What was typed becomes the speed; what is none is marked and changes nothing. */
  type() {
    const speed = parseSpeed(this.typed.value);
    this.typed.setAttribute("aria-invalid", String(speed === null));
    if (speed === null) return;
    clock.setSpeed(speed);
    this.typed.blur();
  }

  toggleLoop() {
    const { from, to } = this.strip.view;
    if (clock.loop) clock.setLoop(0, 0);
    else clock.setLoop(from, to);
  }

  /** The span that is looped becomes an episode of the one asset that the page is about. */
  async makeEpisode() {
    const { loop } = clock;
    try {
      await makeEpisode(this.strip.props.assets[0], ...loop);
    } catch (error) {
      this.episode.title = error.message;
      this.episode.setAttribute("aria-invalid", "true");
    }
  }

  draw() {
    this.episode.hidden = !clock.loop || this.strip.props.assets?.length !== 1 || !live.directory.assets.has(this.strip.props.assets[0]);
    const { zone, span_ms } = this.strip;
    const now = clock.now();
    const { replaying } = clock;
    const moving = !replaying || clock.playing;
    setText(this.clockText, time(now, zone, replaying));
    setText(this.clockNote, replaying ? `${zoneName(zone, now)} · ${ago(live.now() - now)}` : `${date(now, zone)} ${zoneName(zone, now)}`);
    const word = moving ? "strip.pause" : "strip.play";
    if (this.playButton.dataset.word !== word) {
      this.playButton.dataset.word = word;
      this.playButton.title = t(word);
      this.playButton.setAttribute("aria-label", t(word));
      this.playButton.querySelector("path").setAttribute("d", moving ? PAUSE : PLAY);
    }
    for (const each of [this.speed, this.typed, this.reverse, this.loop]) each.disabled = !replaying;
    const speed = replaying ? clock.speed : 1;
    const listed = SPEEDS.includes(Math.abs(speed)) ? String(Math.abs(speed)) : "";
    if (this.speed.value !== listed) this.speed.value = listed;
    if (document.activeElement !== this.typed) {
      if (this.typed.value !== speedText(speed)) this.typed.value = speedText(speed);
      this.typed.removeAttribute("aria-invalid");
    }
    for (const [each, on] of [[this.reverse, speed < 0], [this.loop, Boolean(clock.loop)], [this.gaps, clock.skipGaps]]) {
      toggle(each, "on", on);
      each.setAttribute("aria-pressed", String(on));
    }
    for (const each of this.spans) toggle(each, "on", Math.abs(Number(each.dataset.hours) * HOUR_MS - span_ms) < 1000);
    this.liveButton.disabled = !replaying;
    this.fidelity.draw();
  }

  dispose() {
    this.fidelity.dispose();
    this.bookmarks.dispose();
  }
}
