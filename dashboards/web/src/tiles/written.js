// A card of an asset that people write in: what stands there is asked again and again, what is refused is said.
import { clock } from "../clock.js";
import { Core } from "../component.js";
import { el, setText } from "../dom.js";
import { time } from "../format.js";
import { Poll } from "../poll.js";
import { t } from "../words.js";

export class WrittenView extends Core {
  /** @param {string} word the card's: its call `/view/asset/WORD`, its class, its texts */
  constructor(root, props, emit, word, every_ms, replay_ms) {
    super(root, props, emit);
    root.classList.add(`ft-${word}`);
    this.until(() => root.classList.remove(`ft-${word}`));
    this.note = el("p", { class: "ft-note", role: "status" }, t("wait.figures"));
    this.failed = el("p", { class: "ft-note", role: "alert", hidden: true });
    root.replaceChildren(this.note, this.failed, ...this.build());
    this.asked = new Poll(
      (asOf) => `/view/asset/${word}?${new URLSearchParams({ asset: this.props.asset, ...(asOf === null ? {} : { as_of_ms: String(Math.round(asOf)) }) })}`,
      (answer) => {
        this.note.hidden = true;
        this.hear(answer);
      },
      every_ms,
      (message) => {
        this.note.hidden = message === null;
        if (message !== null) setText(this.note, t("error.part", { what: t(`${word}.title`), detail: message, at: time(clock.now(), this.zone) }));
      },
      replay_ms,
    );
    this.until(() => this.asked.dispose());
  }

  /** Do what a button is for, and show what came of it. */
  async change(button, act) {
    button.disabled = true;
    try {
      await act();
      this.failed.hidden = true;
    } catch (error) {
      this.failed.hidden = false;
      setText(this.failed, t("oee.not_saved", { detail: error.message }));
    }
    button.disabled = false;
    this.asked.refresh();
  }
}
