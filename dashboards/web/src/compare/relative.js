// The clock of a comparison: seconds on the axis that both sides lie on.
import { advance, nextSpeed, SLOWEST, FASTEST } from "../playback.js";

export class Relative {
  constructor() {
    this.start = 0;
    this.end = 0;
    this.at = 0;
    this.speed = 1;
    this.playing = false;
    this.listeners = new Set();
  }

  subscribe(fn) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  tell() {
    for (const fn of [...this.listeners]) fn(this);
  }

  span(start, end) {
    Object.assign(this, { start, end, playing: false });
    this.seek(Math.min(end, Math.max(start, this.at)));
  }

  seek(at) {
    if (!Number.isFinite(at)) return;
    this.at = Math.min(this.end, Math.max(this.start, at));
    this.tell();
  }

  play(on = true) {
    // at the end playing begins anew
    if (on && this.at >= this.end - 0.001) this.at = this.start;
    this.playing = on && this.end > this.start;
    this.tell();
  }

  toggle() {
    this.play(!this.playing);
  }

  setSpeed(speed) {
    if (!(speed >= SLOWEST && speed <= FASTEST)) return;
    this.speed = speed;
    this.tell();
  }

  faster(places) {
    this.setSpeed(nextSpeed(this.speed, places));
  }

  /** So much time of a person's passed; `ready(at)` says whether both sides can be shown there. */
  pass(passed_ms, ready = () => true) {
    if (!this.playing) return;
    const { at } = advance(this.at * 1000, passed_ms, { speed: this.speed });
    const next = at / 1000;
    if (next >= this.end) {
      this.playing = false;
      this.seek(this.end);
    } else if (ready(next)) this.seek(next);
  }
}
