// Groups of pens on the desk: opened with a click, kept with a name in both languages.
import { fetchJson } from "../clock.js";
import { el, setText } from "../dom.js";
import { t } from "../words.js";

/** Send JSON; raises what the server said was wrong. */
export async function send(method, url, body) {
  const answer = await fetch(url, { method, credentials: "same-origin", headers: { "content-type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  let said = `${answer.status} ${answer.statusText}`;
  try {
    const { error } = await answer.json();
    said = [error.what, error.do].filter(Boolean).join(" · ");
  } catch {
    // The status says it.
  }
  throw new Error(said);
}

export class Groups {
  /** @param {{lang: () => string, shown: () => object, open: (group: object) => void, mayKeep: boolean, signal: AbortSignal}} board */
  constructor(board) {
    this.board = board;
    this.list = el("ul", { class: "ft-groups ft-scroll" });
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    const field = (key, lang) => el("input", { type: "text", maxlength: "80", lang, placeholder: t(key), "aria-label": t(key) });
    this.ko = field("trends.name_ko", "ko");
    this.en = field("trends.name_en", "en");
    this.shared = el("input", { type: "checkbox" });
    this.form = el(
      "form",
      { class: "ft-group-form", hidden: true, onsubmit: (event) => this.keep(event) },
      this.ko,
      this.en,
      el("label", null, this.shared, t("trends.shared_with_all")),
      el("span", { class: "row" }, el("button", { class: "btn s main-btn", type: "submit" }, t("trends.keep")), el("button", { class: "btn s", type: "button", onclick: () => this.unfold(false) }, t("trends.cancel"))),
    );
    this.opener = el("button", { class: "btn s", type: "button", hidden: !board.mayKeep, onclick: () => this.unfold(true) }, t("trends.keep_as"));
    this.root = el("section", { class: "card ft-groups-card" }, el("header", { class: "card-h" }, el("h2", null, t("trends.groups")), el("span", { class: "r" }, this.opener)), this.note, this.form, this.list);
    this.refresh();
  }

  unfold(open) {
    this.form.hidden = !open;
    this.opener.hidden = open || !this.board.mayKeep;
    if (open) (this.board.lang() === "ko" ? this.ko : this.en).focus();
  }

  say(text) {
    this.note.hidden = !text;
    setText(this.note, text);
  }

  async refresh() {
    try {
      this.groups = (await fetchJson("/view/pens", this.board.signal)).groups;
      this.say("");
    } catch (error) {
      if (this.board.signal.aborted) return;
      this.groups ??= [];
      this.say(t("trends.not_read", { detail: String(error?.message ?? error) }));
    }
    this.draw();
  }

  draw() {
    if (!this.groups.length) {
      this.list.replaceChildren(el("li", { class: "ft-none" }, t("trends.no_groups")));
      return;
    }
    this.list.replaceChildren(
      ...this.groups.map((group) => {
        const name = group.name[this.board.lang()] || group.name.en;
        const about = [t("trends.pens_n", { n: group.pens.length }), group.shared ? t("trends.shared", { who: group.owner }) : ""].filter(Boolean).join(" · ");
        const open = el("button", { type: "button", class: "ft-group", title: group.pens.join("\n"), onclick: () => this.board.open(group) }, el("b", null, name), el("small", null, about));
        const away = el("button", { type: "button", class: "ft-x", "aria-label": t("trends.remove_group", { name }), title: t("trends.remove_group", { name }), onclick: () => this.ask(group, away) }, "×");
        return el("li", null, open, group.mine ? away : null);
      }),
    );
  }

  /** The first click asks, the second one means it. */
  async ask(group, button) {
    if (!button.classList.contains("is-sure")) {
      button.classList.add("is-sure");
      button.textContent = t("trends.sure");
      return;
    }
    await this.act(() => send("DELETE", `/view/pens/${encodeURIComponent(group.id)}`));
  }

  async keep(event) {
    event.preventDefault();
    const [ko, en] = [this.ko.value.trim(), this.en.value.trim()];
    const { pens, span_ms, shift_s } = this.board.shown();
    if (!ko && !en) return this.say(t("trends.needs_name"));
    if (!pens.length) return this.say(t("trends.choose"));
    const body = { name_ko: ko || en, name_en: en || ko, shared: this.shared.checked, pens, span_s: span_ms / 1000, shift_s };
    if (await this.act(() => send("POST", "/view/pens", body))) {
      this.ko.value = this.en.value = "";
      this.unfold(false);
    }
  }

  async act(what) {
    try {
      await what();
    } catch (error) {
      this.say(t("trends.not_kept", { detail: String(error?.message ?? error) }));
      return false;
    }
    await this.refresh();
    return true;
  }
}
