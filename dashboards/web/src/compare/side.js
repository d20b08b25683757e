// One side of a comparison while it plays: its own chunks of packets, and what its assets are at a moment of it.
import { Player } from "../player.js";

const TRY_AGAIN_MS = 2000;

/** An id below its site: two sites can be laid onto each other. */
export const below = (id) => id.slice(id.indexOf("/") + 1);

export class Side {
  /** @param {object} told a side of /view/compare; `fetchBytes(url)` gives an ArrayBuffer; `arrived()` is told of chunks. */
  constructor(told, fetchBytes, arrived) {
    this.told = told;
    this.fetchBytes = fetchBytes;
    this.arrived = arrived;
    this.player = new Player({ maxBytes: 32e6, aheadS: 20 });
    this.state = new Map();
    this.failed = null;
    this.roles = new Map();
    this.assets = new Set();
    // where sides are of two sites, their assets are told without it
    const name = (asset) => (asset.startsWith(`${told.site}/`) ? below(asset) : asset);
    for (const stream of told.streams) {
      this.assets.add(name(stream.asset));
      const add = (role, at, isText) => {
        const key = `${name(stream.asset)} ${role}`;
        if (role && !this.roles.has(key)) this.roles.set(key, { key: stream.key, at, isText });
      };
      stream.columns.forEach((role, at) => add(role, at, false));
      stream.texts.forEach((role, at) => add(role, at, true));
    }
  }

  /** The side's own moment, ms. */
  ms(at_s) {
    return this.told.origin_ms + at_s * 1000;
  }

  covers(at_s) {
    return this.player.covers(this.ms(at_s));
  }

  /** Show a moment; false where nothing of it is in memory: what was shown last stays. */
  show(at_s) {
    const found = this.player.stateAt(this.ms(at_s));
    if (!found) return false;
    this.state = found.state;
    return true;
  }

  /** A value of an asset by its role, as of the moment shown; undefined where it has none. */
  value(asset, role, i = 0) {
    const place = this.roles.get(`${below(asset)} ${role}#${i}`);
    const entry = place && this.state.get(place.key);
    if (!entry) return undefined;
    if (place.isText) return entry.x?.[place.at] ?? undefined;
    const number = entry.v[place.at];
    return Number.isNaN(number) ? undefined : number;
  }

  /** An asset's state word; null where this side has no such asset, or it tells none. */
  stateOf(asset) {
    if (!this.assets.has(below(asset))) return null;
    return this.value(asset, "state") ?? null;
  }

  async prefetch(at_s, speed, playing, end_s) {
    if (this.fetching || this.ended) return;
    const wanted = this.player.wanted(this.ms(at_s), speed, this.ms(end_s) + 1, playing);
    if (!wanted) return;
    const [from, to, hz] = wanted;
    this.fetching = true;
    try {
      const query = new URLSearchParams({ of: this.told.fixed, site: this.told.site, from_ms: from, to_ms: to, hz });
      const buffer = await this.fetchBytes(`/view/compare/chunk?${query}`);
      if (this.ended) return;
      this.player.add(from, to, hz, buffer, this.ms(at_s));
      this.failed = null;
      this.fetching = false;
      this.arrived();
    } catch (error) {
      this.failed = String(error?.message ?? error);
      setTimeout(() => {
        this.fetching = false;
        this.arrived();
      }, TRY_AGAIN_MS);
    }
  }

  dispose() {
    this.ended = true;
    this.player.clear();
  }
}
