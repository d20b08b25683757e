// What the page shows: live entries or replayed ones, told to the components at most ten times a second.
import { clock } from "./clock.js";
import { DEVICE } from "./playback.js";
import { live } from "./live.js";

const EVERY_MS = 100;
/** Times in s and in ms differ by less than this; what follows a death is heard twice as late at least. */
const ROUNDING_MS = 0.0005;

class Present {
  constructor() {
    this.state = live.entries;
    this.changed = new Set();
    this.all = true;
    this.listeners = new Set();
    this.tickers = new Set();
    this.told = 0;
    live.on("packet", (packet) => {
      if (clock.replaying) return;
      if (this.state !== live.entries) {
        this.state = live.entries;
        this.all = true;
      }
      for (const entry of packet.entries) this.changed.add(entry.key);
      this.plan();
    });
    live.on("directory", () => {
      this.all = true;
      this.plan();
    });
    let mode = "live";
    clock.subscribe(() => {
      if (clock.mode !== mode) {
        mode = clock.mode;
        this.state = mode === "live" ? live.entries : new Map();
        this.all = true;
        this.tickSoon();
      }
      if (clock.replaying) this.fold();
      if (this.all || this.changed.size) this.plan();
    });
    setInterval(() => this.tick(), 1000);
  }

  fold() {
    const found = clock.stateNow();
    if (!found) {
      if (this.state.size) {
        this.state = new Map();
        this.all = true;
      }
    } else if (found.state !== this.state || found.changed === null) {
      this.state = found.state;
      this.all = true;
    } else for (const key of found.changed) this.changed.add(key);
    if (performance.now() - this.told > 250) this.tickSoon();
  }

  plan() {
    if (this.planned) return;
    const wait = Math.max(0, EVERY_MS - (performance.now() - (this.flushed ?? 0)));
    this.planned = setTimeout(() => this.flush(), wait);
  }

  flush() {
    this.planned = null;
    this.flushed = performance.now();
    const changed = this.all ? null : this.changed;
    this.all = false;
    this.changed = new Set();
    for (const listener of [...this.listeners]) listener(changed);
  }

  tickSoon() {
    if (!this.tickPlanned) {
      this.tickPlanned = setTimeout(() => {
        this.tickPlanned = null;
        this.tick();
      }, 0);
    }
  }

  tick() {
    this.told = performance.now();
    for (const listener of [...this.tickers]) listener();
  }

  /** fn(Set of changed stream keys, or null for all). */
  onChange(fn) {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  /** fn() about once a second, and when the moment jumps: ages, staleness. */
  onTick(fn) {
    this.tickers.add(fn);
    return () => this.tickers.delete(fn);
  }

  entry(key) {
    const entry = this.state.get(key);
    return entry && clock.replaying && (clock.base === DEVICE ? entry.t : entry.r) > clock.at_ms + 1 ? undefined : entry;
  }

  /** How old an entry is at the page's moment, ms. */
  age(entry) {
    return entry ? clock.now() - entry.t : Infinity;
  }

  /** Whether an entry of a stream is too old, or marked so, to be believed. */
  isStale(stream, entry) {
    if (!entry) return true;
    if (entry.q === 500 || entry.q === 0) return true;
    const asset = live.directory.assets.get(stream.asset);
    if (asset && this.gone(asset)) return true;
    if (stream.stale_after_s === null || stream.stale_after_s === undefined) return false;
    const since = clock.replaying && clock.base === DEVICE ? entry.t : entry.r;
    return clock.now() - since > stream.stale_after_s * 1000;
  }

  /** A signal's value now: number or text, undefined where absent. */
  value(signal) {
    const entry = signal && this.entry(signal.stream.key);
    if (!entry) return undefined;
    if (signal.isText) return entry.x?.[signal.at] ?? undefined;
    const number = entry.v[signal.at];
    return Number.isNaN(number) ? undefined : number;
  }

  /**
   * When an asset, or something above it, was gone last, {t, r} in ms (t by its own word, r as it was heard), where
   * nothing was heard of the asset since; else null. A node that is back does not bring back what is behind it.
   */
  gone(asset) {
    const { liveness } = live.directory;
    if (!liveness.size) return null;
    let heard = -Infinity;
    for (const stream of asset.streams) {
      const entry = this.entry(stream.key);
      if (entry && (liveness.get(asset.id) !== stream || entry.v[0] !== 0)) heard = Math.max(heard, entry.r);
    }
    let found = null;
    for (let path = asset.id; path; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
      const last = goneLast(liveness.get(path), this);
      if (last && last.r + ROUNDING_MS >= heard && (!found || last.t < found.t)) found = last;
    }
    return found;
  }

  /** An asset's state word: PackML name, "lost" if all its streams went silent, null if it has no state. */
  stateOf(asset) {
    if (this.gone(asset)) return "lost";
    const signal = asset.roles.get("state#0");
    const streams = asset.streams.filter((stream) => stream.stale_after_s !== null && stream.stale_after_s !== undefined);
    const watched = streams.length ? streams : asset.streams;
    if (watched.length && watched.every((stream) => this.isStale(stream, this.entry(stream.key)))) return "lost";
    if (!asset.streams.length) return asset.declared ? "lost" : null;
    return signal ? (this.value(signal) ?? "Undefined") : null;
  }

  /** The newest entry of an asset: when it was last heard. */
  newest(asset) {
    let newest;
    for (const stream of asset.streams) {
      const entry = this.entry(stream.key);
      if (entry && (!newest || entry.t > newest.t)) newest = entry;
    }
    return newest;
  }
}

function goneLast(stream, present) {
  const entry = stream && present.entry(stream.key);
  if (!entry) return null;
  if (entry.v[0] === 0) return { t: entry.t, r: entry.r };
  const [, gone, heard] = entry.v;
  return heard > 0 ? { t: gone * 1000, r: heard * 1000 } : null;
}

export const present = new Present();
