// Answers of the read calls, kept fresh: every few seconds live, with the clock in replay.
import { clock, fetchJson } from "./clock.js";

const REPLAY_EVERY_MS = 500;

export class Poll {
  /**
   * @param {(asOf: number|null) => string} url address for a moment (null = now)
   * @param {(answer: object) => void} heard
   * @param {number} every_ms between two questions, live
   * @param {(message: string|null) => void} failed told once when it fails and (null) when it works again
   * @param {number} replay_ms at least between two questions while the replay plays
   */
  constructor(url, heard, every_ms, failed = () => {}, replay_ms = REPLAY_EVERY_MS) {
    Object.assign(this, { url, heard, every_ms, failed, replay_ms });
    this.asked = -Infinity;
    this.askedFor = undefined;
    this.busy = false;
    this.broken = false;
    this.abort = new AbortController();
    this.release = clock.subscribe(() => this.look());
    this.timer = setInterval(() => this.look(), 250);
  }

  /** Ask as soon as possible, whatever was asked before. */
  refresh() {
    this.askedFor = undefined;
    this.asked = -Infinity;
    this.look();
  }

  look() {
    if (this.busy || document.hidden) return;
    const passed = performance.now() - this.asked;
    const moment = clock.replaying ? clock.at_ms : null;
    const due = moment === null ? passed >= this.every_ms || this.askedFor !== null : moment !== this.askedFor && passed >= this.replay_ms;
    if (due) this.ask(moment);
  }

  async ask(moment) {
    this.busy = true;
    this.asked = performance.now();
    this.askedFor = moment;
    try {
      const answer = await fetchJson(this.url(moment), this.abort.signal);
      if (!this.abort.signal.aborted && (clock.replaying ? clock.at_ms : null) !== null === (moment !== null)) this.heard(answer, moment);
      if (this.broken) this.failed(null);
      this.broken = false;
    } catch (error) {
      if (this.abort.signal.aborted) return;
      if (!this.broken) this.failed(String(error?.message ?? error));
      this.broken = true;
    }
    this.busy = false;
  }

  dispose() {
    this.abort.abort();
    clearInterval(this.timer);
    this.release();
  }
}
