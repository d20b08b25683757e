// One clock for the page: live, or a replay that plays what was fetched.
import { live } from "./live.js";
import { Player } from "./player.js";
import { decodePacket } from "./packet.js";
import { advance, basedUrl, DEVICE, nextSpeed, readable, readAddress, SHORTEST_LOOP_MS, writeAddress } from "./playback.js";

const TICK_MS = 50;
const URL_EVERY_MS = 500;
const SETTLE_MS = 180;
const LIVE_EDGE_MS = 400;
const LOOP_MS = 60000;

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
    this.gaps = [];
    this.loop = null;
    this.skipGaps = false;
    this.base = DEVICE;
    this.stride_s = 1;
    this.assets = null;
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
      this.loop = null;
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
    this.base = DEVICE;
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

  /** So many steps on (back where below 0); how long one is, people choose. */
  step(count) {
    this.seek(this.now() + count * this.stride_s * 1000);
  }

  /** The next (1) or previous (-1) event that the time bar shows. */
  jump(direction) {
    const now = this.now();
    const times = this.marks.map((mark) => mark.t_ms).sort((a, b) => a - b);
    const found = direction > 0 ? times.find((time) => time > now + 1) : times.reverse().find((time) => time < now - 1);
    if (found !== undefined) this.seek(found);
  }

  /** The next (1) or previous (-1) packet of the record with something of the page's assets; needs what is in memory. */
  stepData(direction) {
    if (!this.replaying) this.seek(live.now() - 1000);
    const { assets } = this;
    const of = (stream) => assets.some((id) => stream.asset === id || stream.asset.startsWith(`${id}/`));
    const keys = assets ? new Set([...live.directory.streams.values()].filter(of).map((stream) => stream.key)) : null;
    const found = this.player.dataTime(this.at_ms, direction, keys);
    this.play(false);
    if (found !== null) this.seek(found);
    else this.step(direction);
  }

  /** Below 0 time runs backwards. */
  setSpeed(speed) {
    if (!speed || !this.replaying) return;
    this.speed = speed;
    this.tell();
    if (this.playing) this.prefetch();
  }

  faster(places) {
    this.setSpeed(nextSpeed(this.speed, places));
  }

  /** By device time, or as it came in: the page is loaded anew at the same moment, so that nothing of the other base stays. */
  setBase(base) {
    if (!this.replaying || base === this.base) return;
    this.base = base;
    const url = new URL(location.href);
    this.writeInto(url);
    location.replace(url.pathname + readable(url.search) + url.hash);
  }

  /** Play the same span again and again; null ends it. */
  setLoop(from, to) {
    if (!this.replaying) return;
    this.loop = to - from >= SHORTEST_LOOP_MS ? [from, Math.min(to, live.now())] : null;
    this.tell();
  }

  /** One end of the loop here; the other one stays, or lies a minute off. */
  loopFrom() {
    const to = this.loop?.[1] ?? 0;
    this.setLoop(this.at_ms, to > this.at_ms ? to : this.at_ms + LOOP_MS);
  }

  loopTo() {
    const from = this.loop?.[0] ?? Infinity;
    this.setLoop(from < this.at_ms ? from : this.at_ms - LOOP_MS, this.at_ms);
  }

  setSkipGaps(on) {
    this.skipGaps = on;
    this.tell();
  }

  tick() {
    const now = performance.now();
    const passed = Math.min(1000, now - this.before);
    this.before = now;
    if (!this.playing) return;
    const { speed, loop } = this;
    const { at: next, stop } = advance(this.at_ms, passed, { speed, loop, gaps: this.skipGaps ? this.gaps : [], first: this.first_ms ?? -Infinity });
    if (stop) {
      this.playing = false;
      this.seek(next);
      return;
    }
    if (next >= live.now() - LIVE_EDGE_MS) {
      this.toLive();
      return;
    }
    if (this.player.covers(next)) {
      this.at_ms = next;
      this.waiting = false;
      this.tell();
    } else {
      // after a leap the record is fetched where the clock will be, not where it was
      if (Math.abs(next - this.at_ms) > passed * Math.abs(speed) + 1) this.at_ms = next;
      if (!this.waiting) {
        this.waiting = true;
        this.tell();
      }
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
      const before = url.href;
      this.writeInto(url);
      if (url.href === before) return;
      history.replaceState(history.state, "", url.pathname + readable(url.search) + url.hash);
    }, URL_EVERY_MS);
  }

  writeInto(url) {
    writeAddress(url.searchParams, { at: this.replaying ? this.at_ms : null, speed: this.speed, loop: this.loop, base: this.base });
  }

  /** The replay in the address, if there is one: a link opens exactly this moment, at its speed, with its loop. */
  readUrl() {
    const { at, speed, loop, base } = readAddress(new URL(location.href).searchParams);
    if (at === null) return false;
    this.base = base;
    this.seek(at);
    this.setSpeed(speed ?? 1);
    if (loop) this.setLoop(...loop);
    return true;
  }
}

async function fetchBytes(url) {
  const answer = await fetch(basedUrl(url, clock.base), { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

export async function fetchJson(url, signal) {
  const answer = await fetch(clock.replaying ? basedUrl(url, clock.base) : url, { credentials: "same-origin", signal });
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
  ",": () => clock.stepData(-1),
  ".": () => clock.stepData(1),
  r: () => clock.setSpeed(-clock.speed),
  i: () => clock.loopFrom(),
  o: () => clock.loopTo(),
  p: () => clock.setLoop(0, 0),
  g: () => clock.setSkipGaps(!clock.skipGaps),
  b: () => document.querySelector(".ft-bm")?.click(),
  End: () => clock.toLive(),
  l: () => clock.toLive(),
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
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
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
      clock.writeInto(url);
      anchor.href = url.pathname + url.search + url.hash;
      setTimeout(() => {
        for (const name of ["at", "speed", "loop", "base"]) url.searchParams.delete(name);
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
