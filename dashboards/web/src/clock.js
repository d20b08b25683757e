// One clock for the page: live, or a replay that plays what was fetched.
import { live } from "./live.js";
import { Player } from "./player.js";
import { decodePacket } from "./packet.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64];
const TICK_MS = 50;
const URL_EVERY_MS = 500;
const SETTLE_MS = 180;
const LIVE_EDGE_MS = 400;

class Clock {
  constructor() {
    this.mode = "live";
    this.at_ms = 0;
    this.speed = 1;
    this.playing = false;
    this.waiting = false;
    this.failed = null;
    this.player = new Player();
    this.snapshot = null;
    this.marks = [];
    this.listeners = new Set();
    this.site = "*";
    this.fetching = false;
    this.version = 0;
  }

  /** The moment the page stands for, ms. */
  now() {
    return this.mode === "live" ? live.now() : this.at_ms;
  }

  get replaying() {
    return this.mode === "replay";
  }

  /** fn(clock) whenever mode, moment, speed or playing change. */
  subscribe(fn) {
    this.listeners.add(fn);
    fn(this);
    return () => this.listeners.delete(fn);
  }

  tell() {
    for (const fn of [...this.listeners]) fn(this);
    this.writeUrl();
  }

  setSite(site) {
    if (site === this.site) return;
    this.site = site;
    this.player.clear();
    this.snapshot = null;
    this.version++;
    if (this.replaying) this.settle();
  }

  /** Go to a moment of the past; the page stands there at once with what is in memory. */
  seek(ms) {
    const limit = live.now();
    if (!Number.isFinite(ms)) return;
    if (ms >= limit - LIVE_EDGE_MS) {
      this.toLive();
      return;
    }
    const entering = !this.replaying;
    this.mode = "replay";
    this.at_ms = ms;
    this.failed = null;
    if (entering) {
      this.speed = 1;
      this.playing = false;
      document.documentElement.dataset.mode = "replay";
      this.timer = setInterval(() => this.tick(), TICK_MS);
      this.before = performance.now();
    }
    if (!this.player.covers(ms)) this.settle();
    this.tell();
  }

  toLive() {
    if (!this.replaying) return;
    this.mode = "live";
    this.playing = this.waiting = false;
    this.failed = null;
    clearInterval(this.timer);
    clearTimeout(this.settling);
    this.version++;
    this.player.clear();
    this.snapshot = null;
    document.documentElement.dataset.mode = "live";
    this.tell();
  }

  play(on = true) {
    if (!this.replaying) return;
    this.playing = on;
    this.before = performance.now();
    this.tell();
    if (on) this.prefetch();
  }

  toggle() {
    if (this.replaying) this.play(!this.playing);
    else this.seek(live.now() - 1000);
  }

  step(s) {
    this.seek(this.now() + s * 1000);
  }

  /** The next (1) or previous (-1) event that the time bar shows. */
  jump(direction) {
    const now = this.now();
    const times = this.marks.map((mark) => mark.t_ms).sort((a, b) => a - b);
    const found = direction > 0 ? times.find((time) => time > now + 1) : times.reverse().find((time) => time < now - 1);
    if (found !== undefined) this.seek(found);
  }

  setSpeed(speed) {
    if (!(speed > 0)) return;
    this.speed = speed;
    this.tell();
    if (this.playing) this.prefetch();
  }

  faster(steps) {
    const at = SPEEDS.findIndex((speed) => speed >= this.speed);
    this.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? SPEEDS.length - 1 : at) + steps))]);
  }

  tick() {
    const now = performance.now();
    const passed = Math.min(1000, now - this.before);
    this.before = now;
    if (!this.playing) return;
    const next = this.at_ms + passed * this.speed;
    if (next >= live.now() - LIVE_EDGE_MS) {
      this.toLive();
      return;
    }
    if (this.player.covers(next)) {
      this.at_ms = next;
      this.waiting = false;
      this.tell();
    } else if (!this.waiting) {
      this.waiting = true;
      this.tell();
    }
    this.prefetch();
  }

  /** After a seek: the state at once, the chunk around it when the thumb rests. */
  settle() {
    clearTimeout(this.settling);
    this.fetchState();
    this.settling = setTimeout(() => this.prefetch(), SETTLE_MS);
  }

  async fetchState() {
    if (this.stateAsked) {
      this.stateAgain = true;
      return;
    }
    this.stateAsked = true;
    const at = this.at_ms;
    const version = this.version;
    try {
      const buffer = await fetchBytes(`/view/state?site=${encodeURIComponent(this.site)}&at_ms=${Math.round(at)}`);
      if (version === this.version && this.replaying) {
        const packet = decodePacket(buffer);
        this.snapshot = { at, state: new Map(packet.entries.map((entry) => [entry.key, entry])) };
        this.failed = null;
        this.tell();
      }
    } catch (error) {
      this.fail(error, version);
    }
    this.stateAsked = false;
    if (this.stateAgain) {
      this.stateAgain = false;
      if (this.replaying && !this.player.covers(this.at_ms)) this.fetchState();
    }
  }

  async prefetch() {
    if (this.fetching || !this.replaying) return;
    const wanted = this.player.wanted(this.at_ms, this.speed, live.now(), this.playing);
    if (!wanted) return;
    const [from, to, hz] = wanted;
    const version = this.version;
    this.fetching = true;
    let fine = false;
    try {
      const site = encodeURIComponent(this.site);
      const buffer = await fetchBytes(`/view/chunk?site=${site}&from_ms=${Math.round(from)}&to_ms=${Math.round(to)}&hz=${hz}`);
      if (version === this.version && this.replaying) {
        this.player.add(from, to, hz, buffer, this.at_ms);
        this.failed = null;
        this.tell();
      }
      fine = true;
    } catch (error) {
      this.fail(error, version);
    }
    this.fetching = false;
    // Whatever the clock has come to while this was on its way.
    if (fine) this.prefetch();
    else setTimeout(() => this.prefetch(), 2000);
  }

  fail(error, version) {
    if (version !== this.version || !this.replaying) return;
    this.failed = String(error?.message ?? error);
    this.tell();
  }

  /** The state to show: {state, changed} (changed null = all), or null when nothing is known yet. */
  stateNow() {
    const found = this.player.stateAt(this.at_ms);
    if (found) return found;
    if (this.snapshot && this.snapshot.at <= this.at_ms) return { state: this.snapshot.state, changed: null };
    return null;
  }

  writeUrl() {
    if (this.urlPlanned) return;
    this.urlPlanned = setTimeout(() => {
      this.urlPlanned = null;
      const url = new URL(location.href);
      const at = this.replaying ? new Date(this.at_ms).toISOString() : null;
      if ((url.searchParams.get("at") ?? null) === at) return;
      if (at) url.searchParams.set("at", at);
      else url.searchParams.delete("at");
      history.replaceState(history.state, "", url.pathname + url.search.replaceAll("%3A", ":") + url.hash);
    }, URL_EVERY_MS);
  }

  /** The moment in the address, if there is one: a link opens exactly this moment. */
  readUrl() {
    const at = Date.parse(new URL(location.href).searchParams.get("at") ?? "");
    if (Number.isFinite(at)) this.seek(at);
    return Number.isFinite(at);
  }
}

async function fetchBytes(url) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

export async function fetchJson(url, signal) {
  const answer = await fetch(url, { credentials: "same-origin", signal });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

export const clock = new Clock();

function typing(target) {
  return target?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "");
}

const KEYS = {
  " ": () => clock.toggle(),
  ArrowLeft: (event) => (event.shiftKey ? clock.jump(-1) : clock.step(-1)),
  ArrowRight: (event) => (event.shiftKey ? clock.jump(1) : clock.step(1)),
  "[": () => clock.faster(-1),
  "]": () => clock.faster(1),
  End: () => clock.toLive(),
  l: () => clock.toLive(),
  L: () => clock.toLive(),
};

/** Keys, address and links of the page; called once. */
export function attachClock() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    // A focused button keeps its own space bar.
    if (event.key === " " && event.target?.closest?.("button, a, summary, [role=button], [role=option]")) return;
    if (event.key === "Home" && clock.first_ms) {
      event.preventDefault();
      clock.seek(clock.first_ms);
      return;
    }
    const action = KEYS[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
  // A link followed during a replay leads to the same moment.
  document.addEventListener(
    "click",
    (event) => {
      const anchor = event.target?.closest?.("a[href]");
      if (!anchor || !clock.replaying || anchor.origin !== location.origin) return;
      const url = new URL(anchor.href);
      if (url.searchParams.has("at")) return;
      url.searchParams.set("at", new Date(clock.at_ms).toISOString());
      anchor.href = url.pathname + url.search + url.hash;
      setTimeout(() => {
        url.searchParams.delete("at");
        anchor.href = url.pathname + url.search + url.hash;
      });
    },
    true,
  );
  window.addEventListener("popstate", () => {
    if (!clock.readUrl()) clock.toLive();
  });
  window.addEventListener("_dashprivate_pushstate", () => clock.writeUrl());
  live.on("site", (site) => clock.setSite(site));
  document.documentElement.dataset.mode ||= "live";
  clock.readUrl();
}
