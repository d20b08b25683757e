// A part of a page that has figures of its own: loading, failed and there are three looks of the same card.
import { clock } from "./clock.js";
import { el, setText } from "./dom.js";
import { time } from "./format.js";
import { Poll } from "./poll.js";
import { t } from "./words.js";

export class Part {
  /** @param {string} title heading; `body` nodes are hidden until the first answer. */
  constructor(title, className, ...body) {
    this.title = title;
    this.small = el("small");
    this.right = el("span", { class: "r" });
    this.note = el("p", { class: "ft-note ft-part-note", role: "status" }, t("wait.figures"));
    this.body = el("div", { class: `card-b ${className}` }, body);
    this.body.hidden = true;
    this.node = el("section", { class: "card ft-part", "aria-busy": "true" }, el("header", { class: "card-h" }, el("h2", null, title), this.small, this.right), this.note, this.body);
  }

  /** Ask again and again; what comes goes to heard(answer), and no other part waits for it. */
  poll(core, url, heard, every_ms) {
    const poll = new Poll(
      url,
      (answer, moment) => {
        this.ready();
        heard(answer, moment);
      },
      every_ms,
      (message) => (message === null ? this.ready() : this.fail(message, core.zone)),
      // a replay that plays asks more often than the present, but not again before the answer to a slow question is old
      Math.max(500, every_ms / 5),
    );
    core.until(() => poll.dispose());
    return poll;
  }

  ready() {
    this.note.hidden = true;
    this.body.hidden = false;
    this.node.setAttribute("aria-busy", "false");
  }

  /** The last figures stay, if there were any. */
  fail(message, zone) {
    this.note.hidden = false;
    setText(this.note, t("error.part", { what: this.title, detail: message, at: time(clock.now(), zone) }));
  }
}

/** An address of a read call at a moment (null: now). */
export const viewUrl = (call, named, asOf) => {
  const query = new URLSearchParams(named);
  if (asOf !== null) query.set("as_of_ms", String(Math.round(asOf)));
  return `/view/${call}?${query}`;
};
