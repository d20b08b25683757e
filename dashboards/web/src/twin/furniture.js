// What stands on the floor besides arms and mobile robots: areas, lanes, conveyors, buffers, machines, stations, meters.
import { CircleGeometry, CylinderGeometry, PlaneGeometry } from "three";
import { Boxes } from "./boxes.js";

const WALL_M = 0.3;
const WALL_RATIO = 0.006;
const FRAME_M = 0.17;
const ARM_SPOT_M = 1.9;
const BUFFER = { w: 0.9, d: 0.9, h: 1.3 };
const SPOT_M = { inspection: 2.4 };
const LINE_M = 0.12;
const RIM_M = 0.26;
const BAR = { w: 0.9, d: 3, rim: 0.14 };
const FULL = 0.95;
const BODY_INKS = { fault: "--p1", held: "--p2", lost: "--arm-lost", unknown: "--arm-lost" };

const size = (asset, name, otherwise) => (typeof asset.attributes?.[name] === "number" ? asset.attributes[name] : otherwise);

export class Furniture {
  /** @param {boolean} ground the site's floor with its areas and lanes, or only a round stand */
  constructor(scene, site, assets, ground) {
    // what lies flat has one face: without a graphics card every corner costs
    this.flat = new Boxes(scene, false, new PlaneGeometry(1, 1), -2);
    this.solid = new Boxes(scene, true);
    this.round = new Boxes(scene, true, new CylinderGeometry(0.5, 0.5, 1, 12).rotateX(Math.PI / 2));
    this.discs = new Boxes(scene, false, new CircleGeometry(0.5, 32), -1);
    // what only a plan shows: drawn over everything, whatever its height
    this.plan = new Boxes(scene, false, new PlaneGeometry(1, 1), 3);
    this.ofFloor = ground;
    this.bars = new Map();
    this.rims = new Map();
    this.bodies = new Map();
    this.levels = new Map();
    this.spots = new Map();
    this.armSpots = new Set();
    if (ground && site) this.ground(site);
    else this.stand(assets);
    for (const asset of assets) this.asset(asset);
  }

  ground(site) {
    const [w, d] = site.size_m;
    this.flat.add("--floor", w / 2, d / 2, -0.04, w, d, 0.02);
    this.frame("--wall", 0, 0, w, d, -0.02, Math.min(WALL_M, Math.min(w, d) * WALL_RATIO));
    const nodes = new Map((site.nodes ?? []).map((node) => [node.id, node]));
    const edges = (site.edges ?? []).map(([a, b]) => [nodes.get(a), nodes.get(b)]).filter(([a, b]) => a && b);
    const along = (a, b, ink, wide, z) => this.flat.add(ink, (a.x_m + b.x_m) / 2, (a.y_m + b.y_m) / 2, z, Math.hypot(b.x_m - a.x_m, b.y_m - a.y_m) + (wide > 1 ? wide : 0), wide, 0.01, Math.atan2(b.y_m - a.y_m, b.x_m - a.x_m));
    for (const [a, b] of edges) along(a, b, "--aisle", 2.2, -0.025);
    for (const place of site.places ?? []) {
      if (!place.rect_m) continue;
      const [x, y, pw, pd] = place.rect_m;
      // areas below lines below cells
      const z = { area: -0.02, storage_zone: -0.014, line: -0.008, cell: 0 }[place.level] ?? -0.016;
      this.flat.add(place.level === "area" ? "--area" : "--place", x + pw / 2, y + pd / 2, z, pw, pd, 0.005);
      this.frame("--line", x, y, pw, pd, z, FRAME_M);
    }
    for (const [a, b] of edges) along(a, b, "--lane", 0.09, 0.012);
    for (const node of nodes.values()) {
      if (node.kind === "charger") this.flat.add("--lane", node.x_m, node.y_m, 0.014, 1.5, 1.1, 0.006);
      if (node.kind === "charger") this.flat.add("--floor", node.x_m, node.y_m, 0.018, 1.36, 0.96, 0.006);
      this.discs.add("--lane", node.x_m, node.y_m, 0.022, 0.44, 0.44, 0.006);
      this.discs.add("--floor", node.x_m, node.y_m, 0.027, 0.26, 0.26, 0.006);
    }
  }

  /** Four strips around a rectangle: filling it twice would cost a frame where no graphics card is. */
  frame(ink, x, y, w, d, z, wide) {
    for (const side of [0, 1]) {
      this.flat.add(ink, x + side * w, y + d / 2, z, wide, d + wide, 0.006);
      this.flat.add(ink, x + w / 2, y + side * d, z, w + wide, wide, 0.006);
    }
  }

  /** A quiet round floor under a few assets seen close. */
  stand(assets) {
    for (const asset of assets) {
      const { x_m = 0, y_m = 0 } = asset.pose ?? {};
      this.discs.add("--line", x_m, y_m, -0.03, 2.66, 2.66, 0.01);
      this.discs.add("--place", x_m, y_m, -0.02, 2.6, 2.6, 0.01);
    }
  }

  asset(asset) {
    const { x_m: x = 0, y_m: y = 0, yaw_rad: yaw = 0 } = asset.pose ?? {};
    const id = asset.id;
    const solid = (ink, dx, dy, z, w, d, h) => {
      const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
      const i = this.solid.add(ink, x + dx * c - dy * s, y + dx * s + dy * c, z, w, d, h, yaw, id);
      if (ink === "--machine" || ink === "--belt") (this.bodies.get(id) ?? this.bodies.set(id, []).get(id)).push({ boxes: this.solid, i, ink });
      return i;
    };
    // seen from above: an outline and what is in it
    const drawn = (w, d, ...within) => {
      const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
      const one = (ink, dx, dy, wide, deep) => this.plan.add(ink, x + dx * c - dy * s, y + dx * s + dy * c, 0, wide, deep, 0.01, yaw, id);
      one("--needle-soft", 0, 0, w + 2 * LINE_M, d + 2 * LINE_M);
      const i = one("--machine", 0, 0, w, d);
      (this.bodies.get(id) ?? this.bodies.set(id, []).get(id)).push({ boxes: this.plan, i, ink: "--machine" });
      for (const part of within) one(...part);
    };
    if (asset.type !== "mobile_robot") {
      if (asset.type === "robot_arm") this.armSpots.add(id);
      const wide = asset.type === "robot_arm" ? ARM_SPOT_M : SPOT_M[asset.type] ?? 0;
      if (wide) {
        if (this.ofFloor) this.rims.set(id, this.discs.add("--lane", x, y, 0.004, wide + RIM_M, wide + RIM_M, 0.004, 0));
        this.spots.set(id, this.discs.add("--reach", x, y, 0.006, wide, wide, 0.004, 0));
      }
    }
    switch (asset.type) {
      case "conveyor": {
        const long = size(asset, "length_m", 4);
        const wide = size(asset, "width_m", 0.7);
        solid("--belt", 0, 0, 0.66, long, wide, 0.14);
        solid("--machine-dark", 0, wide / 2 + 0.03, 0.68, long, 0.06, 0.22);
        solid("--machine-dark", 0, -wide / 2 - 0.03, 0.68, long, 0.06, 0.22);
        for (const at of [-0.5, 0, 0.5]) solid("--machine-dark", at * (long - 0.3), 0, 0.3, 0.1, wide, 0.6);
        break;
      }
      case "buffer": {
        const { w, d, h } = BUFFER;
        for (const [dx, dy] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) solid("--machine-dark", (dx * w) / 2, (dy * d) / 2, h / 2, 0.06, 0.06, h);
        solid("--range", 0, 0, 0.03, w, d, 0.06);
        this.levels.set(id, solid("--load", 0, 0, 0.05, w * 0.86, d * 0.86, 0.01));
        this.plan.add("--needle-soft", x, y, 0, BAR.w + 2 * BAR.rim, BAR.d + 2 * BAR.rim, 0.01, 0, id);
        this.plan.add("--raised", x, y, 0, BAR.w, BAR.d, 0.01, 0, id);
        this.bars.set(id, this.plan.add("--run", x, y - BAR.d / 2, 0, BAR.w, 0.001, 0.01, 0, id));
        break;
      }
      case "machine_tool":
        solid("--machine", 0, 0, 0.95, 2.6, 2, 1.9);
        solid("--machine-dark", -0.15, -1.01, 1.15, 1.5, 0.06, 0.9);
        solid("--glass", -0.15, -1.03, 1.2, 1.1, 0.06, 0.6);
        solid("--machine-dark", 1.05, -1.04, 1.25, 0.34, 0.1, 0.5);
        solid("--machine-dark", 0, 0, 1.93, 2.2, 1.6, 0.08);
        drawn(2.6, 2.2, ["--machine-dark", 0, 0.35, 2.2, 1.1], ["--raised", -0.15, -0.75, 1.7, 0.3], ["--needle-soft", 0, 0.35, 0.5, 0.5]);
        break;
      case "inspection":
        solid("--machine", 0, 0, 0.45, 1.5, 1.1, 0.9);
        for (const dx of [-0.66, 0.66]) solid("--machine-dark", dx, 0, 1.4, 0.09, 0.09, 1);
        solid("--machine-dark", 0, 0, 1.92, 1.5, 0.24, 0.1);
        solid("--glass", 0, 0, 1.78, 0.26, 0.2, 0.2);
        drawn(1.8, 1.5, ["--raised", 0, 0, 1.2, 0.9], ["--needle-soft", 0, 0, 0.4, 0.4]);
        break;
      case "energy_meter":
        solid("--machine", 0, 0, 0.6, 0.6, 0.35, 1.2);
        solid("--glass", 0, -0.19, 0.85, 0.34, 0.03, 0.24);
        break;
      case "environment":
        this.round.add("--machine-dark", x, y, 0.7, 0.08, 0.08, 1.4, 0, id);
        this.round.add("--machine", x, y, 1.5, 0.34, 0.34, 0.26, 0, id);
        break;
      case "robot_arm":
      case "mobile_robot":
        break;
      default:
        solid("--machine", 0, 0, 0.5, 1, 1, 1);
    }
  }

  plinth(asset, armSize, z) {
    const { x_m: x = 0, y_m: y = 0 } = asset.pose ?? {};
    if (z > 0.05) this.solid.add("--machine-dark", x, y, z / 2, 0.34, 0.34, z, asset.pose.yaw_rad ?? 0, asset.id);
    this.round.add("--machine-dark", x, y, z + 0.015, 0.36 * armSize, 0.36 * armSize, 0.05, 0, asset.id);
  }

  /** The round floor under an arm grows with how large the arm is drawn. */
  enlarge(scale) {
    for (const [id, i] of this.spots) {
      if (!this.armSpots.has(id)) continue;
      const wide = ARM_SPOT_M * scale;
      this.discs.place(i, { w: wide, d: wide });
      if (this.rims.has(id)) this.discs.place(this.rims.get(id), { w: wide + RIM_M, d: wide + RIM_M });
    }
  }

  build() {
    for (const boxes of this.all) boxes.build();
  }

  /** Seen from above: a buffer is a bar as long as it is full. */
  flatten(on) {
    this.plan.mesh.visible = on;
  }

  get all() {
    return [this.flat, this.discs, this.solid, this.round, this.plan];
  }

  /** How full a buffer is, 0…1. */
  fill(id, ratio) {
    const i = this.levels.get(id);
    if (i === undefined) return false;
    const h = Math.max(0.01, Math.min(1, Math.max(0, ratio)) * (BUFFER.h - 0.1));
    if (Math.abs(this.solid.items[i].h - h) < 1e-3) return false;
    this.solid.place(i, { h, z: 0.06 + h / 2 });
    const bar = this.bars.get(id);
    const long = Math.max(0.001, BAR.d * Math.min(1, Math.max(0, ratio)));
    const { y } = this.plan.items[bar - 1];
    this.plan.place(bar, { d: long, y: y - (BAR.d - long) / 2 });
    this.plan.paint(bar, ratio >= FULL ? "--needle" : "--run");
    return true;
  }

  paint(asset, look, selected) {
    let any = false;
    for (const { boxes, i, ink } of this.bodies.get(asset.id) ?? []) any = boxes.paint(i, BODY_INKS[look] ?? ink) || any;
    const spot = this.spots.get(asset.id);
    if (spot !== undefined) {
      const ink = look === "fault" ? "--p1-ground" : look === "held" ? "--p2-ground" : selected && this.ofFloor ? "--accent-soft" : "--reach";
      const rim = look === "fault" ? "--p1" : look === "held" ? "--p2" : selected ? "--accent" : "--lane";
      any = this.discs.paint(spot, ink) || any;
      if (this.rims.has(asset.id)) any = this.discs.paint(this.rims.get(asset.id), rim) || any;
    }
    return any;
  }

  recolor() {
    for (const boxes of this.all) boxes.recolor();
  }

  dispose() {
    for (const boxes of this.all) boxes.dispose();
  }
}
