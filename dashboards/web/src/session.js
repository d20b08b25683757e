// What this page tells the server of itself: which page, which moment, whether somebody is there. And what it is told of its replay.
import { clock } from "./clock.js";
import { live } from "./live.js";
import { due } from "./session/told.js";

const SINCE = "factory-twin-since";

/** When this tab was opened first, ms; a reload does not begin it anew. */
function since() {
  try {
    const known = Number(sessionStorage.getItem(SINCE));
    if (known > 0) return known;
    sessionStorage.setItem(SINCE, String(Date.now()));
  } catch {
    // without storage each load begins anew
  }
  return Date.now();
}

class Session {
  constructor() {
    this.told = null;
    this.toldAt = 0;
    this.active = true;
    this.ends_ms = null;
    this.ended = null;
    this.listeners = new Set();
  }

  attach() {
    this.since = since();
    const touch = () => {
      this.active = true;
      // somebody is there: what was about to end does not
      if (this.ends_ms !== null) this.say(true);
    };
    for (const event of ["pointerdown", "keydown", "wheel", "pointermove", "touchstart"]) document.addEventListener(event, touch, { capture: true, passive: true });
    live.on("joined", () => this.say(true));
    live.on("session", (message) => this.hear(message));
    clock.subscribe(() => {
      if (clock.replaying) this.ended = null;
      this.say();
    });
    setInterval(() => this.say(), 1000);
  }

  subscribe(fn) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  now() {
    return { page: location.pathname, at_ms: clock.replaying ? Math.round(clock.at_ms) : null, speed: clock.replaying ? clock.speed : 1, playing: clock.playing };
  }

  say(force = false) {
    const now = this.now();
    const passed = performance.now() - this.toldAt;
    if (!force && !due(this.told, now, passed, this.active)) return;
    if (!live.send(JSON.stringify({ ...now, active: this.active, since_ms: this.since }))) return;
    this.told = now;
    this.toldAt = performance.now();
    this.active = false;
  }

  hear(message) {
    this.ends_ms = message.ends_ms;
    if (message.ended && clock.replaying) {
      this.ended = { at_ms: clock.at_ms };
      const { ended } = this;
      clock.toLive();
      this.ended = ended;
    }
    for (const fn of [...this.listeners]) fn(this);
  }

  /** Back to the moment at which the replay ended. */
  back() {
    const at = this.ended?.at_ms;
    this.ended = null;
    if (at) clock.seek(at);
  }
}

export const session = new Session();
