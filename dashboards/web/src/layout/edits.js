// A layout being made, as values: where assets stand, what was done, what differs from what is kept.

export const TURN_RAD = Math.PI / 12;
export const GRIDS_M = [0.1, 0.5, 1];
const SAME_M = 1e-3;
const SAME_RAD = 1e-4;

const turnOf = (a, b) => Math.abs(Math.atan2(Math.sin(a - b), Math.cos(a - b)));
export const isSame = ([x, y, yaw], [u, v, w]) => Math.abs(x - u) < SAME_M && Math.abs(y - v) < SAME_M && turnOf(yaw, w) < SAME_RAD;

/** A length on the grid, without the crumbs of binary fractions. */
export const snapped = (value, grid) => (grid ? Number((Math.round(value / grid) * grid).toFixed(4)) : value);

/** What a server's answer says: from_file and placed by asset, the drawing, the version. */
export class Edits {
  constructor(answer) {
    this.n = answer.n;
    this.fromFile = answer.from_file;
    this.kept = { poses: { ...answer.from_file, ...answer.placed }, drawing: answer.drawing };
    this.now = this.kept;
    this.past = [];
    this.future = [];
  }

  pose(asset) {
    return this.now.poses[asset];
  }

  /** One step: a pose, or the drawing; moving on with the same `merge` word is one step with the one before. */
  apply(change, merge = null) {
    const next = change.drawing === undefined ? { ...this.now, poses: { ...this.now.poses, [change.asset]: change.pose } } : { ...this.now, drawing: change.drawing };
    if (merge === null || merge !== this.merge) this.past.push(this.now);
    this.merge = merge;
    this.future = [];
    this.now = next;
  }

  moveBy(asset, dx, dy, grid, [width, depth], merge = null) {
    const [x, y, yaw] = this.pose(asset);
    this.moveTo(asset, x + dx, y + dy, grid, [width, depth], merge, yaw);
  }

  moveTo(asset, x, y, grid, [width, depth], merge = null, yaw = this.pose(asset)[2]) {
    const inside = (value, most) => Math.min(most, Math.max(0, value));
    const pose = [inside(snapped(x, grid), width), inside(snapped(y, grid), depth), yaw];
    if (!isSame(pose, this.pose(asset))) this.apply({ asset, pose }, merge);
  }

  turn(asset, by) {
    const [x, y, yaw] = this.pose(asset);
    const turned = snapped(yaw + by, TURN_RAD);
    this.apply({ asset, pose: [x, y, Math.atan2(Math.sin(turned), Math.cos(turned))] });
  }

  /** Back to where the factory file has it. */
  home(asset) {
    if (!isSame(this.pose(asset), this.fromFile[asset])) this.apply({ asset, pose: this.fromFile[asset] });
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.now);
    this.now = this.past.pop();
    this.merge = null;
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.now);
    this.now = this.future.pop();
    this.merge = null;
  }

  /** What stands elsewhere than it is kept: [{asset, before, after, distance_m, turn_rad}]. */
  get moved() {
    return Object.keys(this.now.poses)
      .filter((asset) => !isSame(this.now.poses[asset], this.kept.poses[asset]))
      .map((asset) => {
        const [before, after] = [this.kept.poses[asset], this.now.poses[asset]];
        return { asset, before, after, distance_m: Math.hypot(after[0] - before[0], after[1] - before[1]), turn_rad: Math.atan2(Math.sin(after[2] - before[2]), Math.cos(after[2] - before[2])) };
      });
  }

  get isChanged() {
    return this.now.drawing !== this.kept.drawing || this.moved.length > 0;
  }

  /** What the server is told to keep: only what stands elsewhere than in the factory file. */
  body(site, note) {
    const placed = Object.fromEntries(Object.entries(this.now.poses).filter(([asset, pose]) => !isSame(pose, this.fromFile[asset])));
    return { site, before: this.n, placed, drawing: this.now.drawing, note };
  }
}
