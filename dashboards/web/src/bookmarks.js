// Marks in time and recordings: listed and made beside the time bar, drawn on it.
import { clock, fetchJson } from "./clock.js";
import { el, setText } from "./dom.js";
import { date, duration, time } from "./format.js";
import { named } from "./directory.js";
import { live } from "./live.js";
import { Popover } from "./popover.js";
import { post, remove } from "./send.js";
import { color } from "./theme.js";
import { t } from "./words.js";

const SHOWN = 40;
const NEAR_PX = 6;
const icon = () => el("span", { "aria-hidden": "true" }, "⚑");

export class Bookmarks {
  constructor(strip) {
    this.strip = strip;
    this.marks = [];
    this.recordings = [];
    this.node = el("button", { type: "button", class: "btn ft-bm", title: t("mark.title"), "aria-label": t("mark.title") }, icon());
    this.pop = new Popover(this.node, t("mark.title"), "ft-bm-pop", () => this.opened());
    this.build();
    this.load();
  }

  build() {
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    this.name = el("input", { type: "text", class: "ft-choice", maxlength: "200", required: true, placeholder: t("mark.name"), "aria-label": t("mark.name") });
    this.site = el("select", { class: "ft-choice", "aria-label": t("mark.site") });
    this.moment = el("button", { type: "submit", class: "btn s main-btn" });
    this.range = el("button", { type: "button", class: "btn s", onclick: () => this.keep(true) }, t("mark.range"));
    this.record = el("button", { type: "button", class: "btn s", onclick: () => this.keepRecording() }, t("mark.record"));
    this.hint = el("p", { class: "mute" }, t("mark.hint"));
    this.form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          this.keep(false);
        },
      },
      this.name,
      this.site,
      el("div", { class: "bm-b" }, this.moment, this.range, this.record),
    );
    this.list = el("ul", { class: "bm-list" });
    this.kept = el("ul", { class: "bm-list" });
    this.pop.node.replaceChildren(el("h3", null, t("mark.title")), this.failed, this.form, this.hint, this.list, el("h3", null, t("mark.recordings")), this.kept);
  }

  get asked() {
    return this.strip.props.site || "*";
  }

  async load() {
    const query = new URLSearchParams({ site: this.asked });
    try {
      const [marks, recordings] = await Promise.all([fetchJson(`/api/v1/bookmarks?${query}`), fetchJson(`/api/v1/recordings?${query}`)]);
      this.marks = marks.bookmarks;
      this.recordings = recordings.recordings;
    } catch (error) {
      this.say(error);
    }
    this.strip.sheet?.ask();
    if (this.pop.open) this.draw();
  }

  opened() {
    this.load();
    this.draw();
    setTimeout(() => this.name.focus());
  }

  draw() {
    const { zone } = this.strip;
    const now = clock.now();
    const sites = this.asked === "*" ? [...live.directory.sites.values()] : [];
    this.site.hidden = !sites.length;
    if (this.site.options.length !== sites.length) this.site.replaceChildren(...sites.map((site) => el("option", { value: site.id }, named(site, this.strip.lang))));
    setText(this.moment, t("mark.moment", { at: time(now, zone) }));
    const { loop } = clock;
    for (const each of [this.range, this.record]) each.disabled = !loop;
    this.hint.hidden = Boolean(loop);
    const near = [...this.marks].sort((a, b) => Math.abs(a.from_ms - now) - Math.abs(b.from_ms - now)).slice(0, SHOWN).sort((a, b) => a.from_ms - b.from_ms);
    this.list.replaceChildren(...(near.length ? near.map((one) => this.row(one, one.label, `/api/v1/bookmarks/${encodeURIComponent(one.id)}`)) : [el("li", { class: "mute" }, t("mark.none"))]));
    const newest = [...this.recordings].sort((a, b) => b.from_ms - a.from_ms).slice(0, SHOWN);
    this.kept.replaceChildren(...(newest.length ? newest.map((one) => this.row(one, one.name, null)) : [el("li", { class: "mute" }, t("mark.no_recordings"))]));
    this.pop.place();
  }

  row(one, text, href) {
    const { zone } = this.strip;
    const long = one.to_ms > one.from_ms;
    const go = el("button", { type: "button", class: "bm-go", onclick: () => this.go(one) }, el("b", null, text), el("small", { class: "mute" }, `${date(one.from_ms, zone)} ${time(one.from_ms, zone)}${long ? ` · ${duration(one.to_ms - one.from_ms)}` : ""}`));
    const away = href && el("button", { type: "button", class: "btn s", title: t("mark.away", { name: text }), "aria-label": t("mark.away", { name: text }), onclick: () => this.act(() => remove(href)) }, "✕");
    return el("li", null, go, away);
  }

  /** To its beginning; a range is looped. */
  go(one) {
    clock.seek(one.from_ms);
    if (one.to_ms > one.from_ms) clock.setLoop(one.from_ms, one.to_ms);
    this.pop.toggle();
  }

  get chosen() {
    return this.asked === "*" ? this.site.value : this.asked;
  }

  keep(range) {
    if (!this.form.reportValidity()) return;
    const [from, to] = range ? clock.loop : [clock.now()];
    this.act(() => post("/api/v1/bookmarks", { label: this.name.value.trim(), site: this.chosen, from: String(Math.round(from)), to: to ? String(Math.round(to)) : "" }));
  }

  keepRecording() {
    if (!this.form.reportValidity()) return;
    const [from, to] = clock.loop.map((ms) => String(Math.round(ms)));
    this.act(() => post("/api/v1/recordings", { name: this.name.value.trim(), site: this.chosen, from, to }));
  }

  async act(does) {
    try {
      await does();
      this.failed.hidden = true;
      this.name.value = "";
    } catch (error) {
      this.say(error);
    }
    this.load();
  }

  say(error) {
    this.failed.hidden = false;
    setText(this.failed, t("oee.not_saved", { detail: String(error?.message ?? error) }));
  }

  // ---- on the bar ----

  paint(context, x, right, top) {
    context.fillStyle = color("--accent");
    for (const one of this.marks) {
      const [left, end] = [x(one.from_ms), x(one.to_ms)];
      if (end < 0 || left > right) continue;
      if (end - left > 1) context.fillRect(Math.max(0, left), top, Math.min(right, end) - Math.max(0, left), 2);
      if (left < 0) continue;
      context.beginPath();
      context.moveTo(left, top);
      context.lineTo(left + 8, top + 4);
      context.lineTo(left, top + 8);
      context.fill();
      context.fillRect(left - 0.5, top, 1.2, 13);
    }
    context.fillStyle = color("--needle");
    for (const one of this.recordings) {
      const [left, end] = [Math.max(0, x(one.from_ms)), Math.min(right, x(one.to_ms))];
      if (end > left) context.fillRect(left, top - 3, Math.max(1, end - left), 2);
    }
  }

  /** The label of the mark at a place of the bar, or null. */
  at(place, x) {
    return this.marks.find((one) => Math.abs(x(one.from_ms) - place) < NEAR_PX)?.label ?? null;
  }

  dispose() {
    this.pop.dispose();
  }
}
