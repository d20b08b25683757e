// The floor with A on it as it is, and B as a translucent ghost: arms and mobile robots.
import { Color, Matrix4 } from "three";
import { TwinViewCore } from "../twinview.js";
import { Arms } from "../twin/arms.js";
import { Vehicles } from "../twin/vehicles.js";
import { live } from "../live.js";
import { color } from "../theme.js";

const GHOST = "--sim";
const OPACITY = 0.42;
const NOWHERE = new Matrix4().makeScale(0, 0, 0);

function translucent(material) {
  Object.assign(material, { transparent: true, opacity: OPACITY, depthWrite: false });
}

class GhostArms extends Arms {
  constructor(...parts) {
    super(...parts);
    translucent(this.material);
    translucent(this.dark);
  }

  tint(item) {
    for (const mesh of item.group.links) {
      mesh.setColorAt(item.at, new Color(color(GHOST)));
      mesh.instanceColor.needsUpdate = true;
    }
  }

  recolor() {
    this.dark.color.set(color(GHOST));
    for (const item of this.items) this.tint(item);
  }
}

class GhostVehicles extends Vehicles {
  constructor(...parts) {
    super(...parts);
    translucent(this.material);
  }

  /** One that has not told where it is is not drawn: a pose is never made up. */
  pose(item) {
    if (item.told) super.pose(item);
    else for (const mesh of [this.body, this.deck, this.nose, this.load]) mesh.setMatrixAt(item.at, NOWHERE);
  }

  tint(item) {
    for (const mesh of [this.body, this.deck, this.nose, this.load]) {
      mesh.setColorAt(item.at, new Color(color(GHOST)));
      mesh.instanceColor.needsUpdate = true;
    }
  }
}

export class GhostView extends TwinViewCore {
  /** @param {{a: Side|null, b: Side|null}} sides what is shown; `told()` is called when a picture was drawn. */
  constructor(root, props, emit, sides, told) {
    super(root, props, emit);
    this.sides = sides;
    this.told = told;
  }

  attend() {}

  read(asset, role, i = 0) {
    return this.sides.a?.value(asset.id, role, i);
  }

  stateOf(asset) {
    return this.sides.a?.stateOf(asset.id) ?? null;
  }

  alarmOf() {
    return undefined;
  }

  get painted() {
    return [...super.painted, this.ghostArms, this.ghostVehicles];
  }

  /** Nothing is drawn before there is something to compare. */
  build() {
    if (!this.renderer || !this.sides.a) return;
    const before = this.scene;
    super.build();
    if (!this.scene || this.scene === before) return;
    const ofType = (type) => this.assets.filter((asset) => asset.type === type);
    this.ghostArms = new GhostArms(this.floor, ofType("robot_arm"), live.directory.armModels, () => {});
    this.ghostVehicles = new GhostVehicles(this.floor, ofType("mobile_robot"));
    this.enlargeGhosts();
    this.hear(null);
  }

  enlargeGhosts() {
    this.ghostArms?.enlarge(this.scale);
    this.ghostVehicles?.enlarge(Math.min(this.scale, 2.2));
  }

  applyMode() {
    super.applyMode();
    this.enlargeGhosts();
  }

  hear(changed) {
    super.hear(changed);
    const { b } = this.sides;
    if (!this.scene || !this.ghostArms || !b) return;
    const now = performance.now();
    const lasts = changed === null ? 0 : 90;
    let moved = false;
    for (const item of this.ghostArms.items) {
      const target = [0, 1, 2, 3, 4, 5].map((i) => b.value(item.asset.id, "joint_position", i));
      target.push(b.value(item.asset.id, "tool_opening"));
      if (target.slice(0, 6).some((angle) => angle !== undefined)) moved = this.ghostArms.aim(item, target, now, lasts) || moved;
    }
    for (const item of this.ghostVehicles.items) {
      const [x, y, yaw] = ["x", "y", "yaw"].map((role) => b.value(item.asset.id, role));
      if (x === undefined || y === undefined) continue;
      const first = !item.told;
      item.told = true;
      moved = this.ghostVehicles.aim(item, x, y, yaw ?? item.shown[2], (b.value(item.asset.id, "load") ?? 0) > 1, now, first ? 0 : lasts) || first || moved;
    }
    if (moved) this.ask();
  }

  advance(now) {
    const ghosts = this.ghostArms ? [this.ghostArms.advance(now), this.ghostVehicles.advance(now)].some(Boolean) : false;
    return super.advance(now) || ghosts;
  }

  render() {
    super.render();
    this.told?.();
  }

  /**
   * How far B is from A: {joints: [rad …], m} of an arm and its tool, {joints: null, m} of a mobile robot; m null where
   * one is not known. null for what neither is.
   */
  apart(id) {
    const { a, b } = this.sides;
    if (!a || !b) return null;
    const both = (role, i) => [a.value(id, role, i), b.value(id, role, i)];
    const joints = [0, 1, 2, 3, 4, 5].map((i) => {
      const [one, other] = both("joint_position", i);
      return one === undefined || other === undefined ? null : one - other;
    });
    if (joints.some((one) => one !== null)) {
      const find = (arms) => arms?.items.find((item) => item.asset.id === id && item.posed)?.tool;
      const [one, other] = [find(this.arms), find(this.ghostArms)];
      return { joints, m: one && other ? Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2]) / this.scale : null };
    }
    const [x, y] = [both("x"), both("y")];
    if ([...x, ...y].some((one) => one === undefined)) return null;
    return { joints: null, m: Math.hypot(x[0] - x[1], y[0] - y[1]) };
  }

  clear() {
    this.ghostArms?.dispose();
    this.ghostVehicles?.dispose();
    this.ghostArms = this.ghostVehicles = null;
    super.clear();
  }
}
