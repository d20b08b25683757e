// The header's right side: data rate, connection, catching up, mode, clock; in replay the blue band below the header.
import { clock } from "./clock.js";
import { DEVICE, onlyDevice, readable, RECEIVE } from "./playback.js";
import { Core } from "./component.js";
import { el, setText, svg, toggle } from "./dom.js";
import { ago, date, number, span, time, zoneName } from "./format.js";
import { live } from "./live.js";
import { session } from "./session.js";
import { t } from "./words.js";

// shape of the connection light: a word always stands beside it
const LIGHTS = {
  ok: () => svg("circle", { cx: 7, cy: 7, r: 4.5, class: "m-run" }),
  silent: () => svg("path", { d: "M7 12.6.6 1.6h12.8Z", class: "m-p3" }),
  down: () => svg("path", { d: "M7 1.2 13.4 12.4H.6Z", class: "m-p2" }),
  lost: () => svg("circle", { cx: 7, cy: 7, r: 5, fill: "none", class: "m-lost", "stroke-width": 1.6, "stroke-dasharray": "2.6 2" }),
};

export class StatusBarCore extends Core {
  static rebuildOn = ["lang", "timezone", "words"];

  constructor(root, props, emit) {
    super(root, props, emit);
    this.rate = el("b");
    this.lag = el("small");
    this.light = svg("svg", { viewBox: "0 0 14 14", class: "ft-light", "aria-hidden": "true" });
    this.word = el("b");
    this.fill = el("i");
    this.behind = el("span");
    this.catching = el("div", { class: "hdr-cell ft-catching", hidden: true }, el("span", null, t("status.catching_up")), el("span", { class: "ft-progress" }, this.fill), this.behind);
    this.modeWord = el("span");
    this.chip = el("span", { class: "mode", role: "status" }, el("i"), this.modeWord);
    this.date = el("span", { class: "opt" });
    this.time = el("span", { class: "clock" });
    this.zoneText = el("span", { class: "opt" });
    root.append(
      el("div", { class: "hdr-cell opt", title: t("status.rate_title") }, el("span", null, t("status.rate")), this.rate, el("small", null, "frames/s")),
      el("div", { class: "hdr-cell ft-connection" }, this.light, this.word, this.lag),
      this.catching,
      el("div", { class: "hdr-cell" }, this.chip),
      el("div", { class: "hdr-cell" }, this.date, this.time, this.zoneText),
    );
    this.ended = el("div", { class: "hdr-cell ft-ended", role: "status", hidden: true }, el("span", null, t("session.ended")), el("button", { type: "button", class: "btn s", onclick: () => session.back() }, t("session.back")), el("button", { type: "button", class: "btn s", "aria-label": t("session.dismiss"), title: t("session.dismiss"), onclick: () => this.dismiss() }, "✕"));
    root.insertBefore(this.ended, this.chip.parentElement);
    this.until(session.subscribe(() => this.draw()));
    this.buildBand();
    this.until(live.on("status", () => this.draw()));
    this.until(live.on("directory", () => this.draw()));
    this.until(clock.subscribe(() => this.drawTime()));
    const timer = setInterval(() => this.draw(), 250);
    this.until(() => clearInterval(timer));
    this.draw();
  }

  buildBand() {
    this.moment = el("b");
    this.bandDate = el("span");
    this.ago = el("span");
    this.bases = [DEVICE, RECEIVE].map((base) => el("button", { type: "button", "data-base": base, title: t(`strip.base_${base}_title`), onclick: () => clock.setBase(base) }, t(`strip.base_${base}`)));
    this.baseSeg = el("span", { class: "seg ft-band-base", role: "group", "aria-label": t("strip.base") }, this.bases);
    this.base = el("span", { class: "ft-band-only" });
    this.note = el("span", { class: "ft-band-note", role: "status" });
    const icon = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: "M3 3.2v3.6h3.6M3.4 6.6A5.2 5.2 0 1 1 2.8 9", fill: "none", stroke: "currentColor", "stroke-width": 1.6 }), svg("path", { d: "M8 5.2v3.2l2.2 1.4", fill: "none", stroke: "currentColor", "stroke-width": 1.4 }));
    const lock = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: "M3.5 7.5h9v6h-9zM5.2 7.3V5.2a2.8 2.8 0 0 1 5.6 0v2.1", fill: "none", stroke: "currentColor", "stroke-width": 1.5 }));
    this.back = el("button", { class: "ft-live-btn", type: "button", onclick: () => clock.toLive() }, el("i"), t("replay.back_to_live"), el("kbd", null, "L"));
    this.copy = el("button", { class: "ft-link-btn opt", type: "button", onclick: () => this.copyLink() }, t("replay.copy_link"));
    this.band = el(
      "div",
      { class: "ft-band", role: "region", "aria-label": t("mode.replay"), hidden: true },
      el("span", { class: "ft-band-w" }, icon, el("strong", null, t("replay.you_see_the_past"))),
      el("span", { class: "ft-band-t" }, this.bandDate, this.moment),
      this.ago,
      this.baseSeg,
      this.base,
      el("span", { class: "ft-band-w opt" }, lock, t("replay.locked")),
      this.note,
      el("span", { class: "ft-band-r" }, this.copy, this.back),
    );
    this.root.append(this.band);
  }

  dismiss() {
    session.ended = null;
    this.draw();
  }

  async copyLink() {
    const url = new URL(location.href);
    clock.writeInto(url);
    try {
      await navigator.clipboard.writeText(readable(url.href));
      setText(this.copy, t("replay.link_copied"));
    } catch {
      setText(this.copy, t("replay.link_not_copied"));
    }
    setTimeout(() => setText(this.copy, t("replay.copy_link")), 2000);
  }

  draw() {
    const status = live.status;
    const state = !live.connected ? "lost" : (status?.ingest ?? "ok");
    if (this.light.dataset.state !== state) {
      this.light.dataset.state = state;
      this.light.replaceChildren((LIGHTS[state] ?? LIGHTS.lost)());
    }
    setText(this.word, t(`connection.${state}`));
    const since = live.lostSince === null ? null : live.now() - live.lostSince;
    setText(this.lag, state === "lost" ? (since === null ? "" : span(since / 1000)) : status ? t("status.lag", { lag: span(Math.max(0, status.lag_s)) }) : "");
    setText(this.rate, live.connected && status ? number(status.frames_per_s, status.frames_per_s < 10 ? 1 : 0) : "–");
    const catching = live.connected ? status?.catching_up : null;
    this.catching.hidden = !catching;
    if (catching) {
      this.fill.style.width = `${(catching.done_ratio * 100).toFixed(1)}%`;
      setText(this.behind, `${number(catching.done_ratio * 100)} % · ${t("status.behind", { span: span(catching.behind_s) })}`);
    }
    this.drawTime();
  }

  drawTime() {
    const replaying = clock.replaying;
    const now = clock.now();
    const zone = this.zone;
    this.chip.dataset.mode = clock.mode;
    setText(this.modeWord, t(replaying ? "mode.replay" : "mode.live"));
    setText(this.date, date(now, zone));
    setText(this.time, time(now, zone));
    setText(this.zoneText, zoneName(zone, now));
    this.band.hidden = !replaying;
    this.ended.hidden = replaying || !session.ended;
    if (!replaying) return;
    setText(this.bandDate, date(now, zone));
    setText(this.moment, time(now, zone, true));
    setText(this.ago, ago(live.now() - now));
    for (const each of this.bases) {
      toggle(each, "on", each.dataset.base === clock.base);
      each.setAttribute("aria-pressed", String(each.dataset.base === clock.base));
    }
    this.base.hidden = clock.base === DEVICE;
    toggle(this.base, "is-here", onlyDevice(location.pathname));
    setText(this.base, t(onlyDevice(location.pathname) ? "replay.base_device_here" : "replay.base_figures"));
    this.base.title = t("replay.base_receive_title");
    const left = session.ends_ms === null ? null : Math.max(0, Math.round((session.ends_ms - live.now()) / 1000));
    setText(this.note, left !== null ? t("session.ends", { n: left }) : clock.failed ? t("replay.failed", { detail: clock.failed }) : clock.waiting ? t("replay.loading") : "");
    toggle(this.note, "is-failed", clock.failed || left !== null);
  }
}
