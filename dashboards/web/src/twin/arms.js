// Robot arms by forward kinematics: one instanced mesh a link and model, so that fifty arms cost a dozen draw calls.
import { BoxGeometry, Color, CylinderGeometry, InstancedMesh, Matrix4, MeshLambertMaterial } from "three";
import { mergeGeometries } from "three/examples/jsm/utils/BufferGeometryUtils.js";
import { color } from "../theme.js";
import { chain, ORDINARY_ARM, poseMatrix, reach } from "./kinematics.js";

const INKS = { run: "--arm", idle: "--arm-pale", wait: "--arm-pale", stop: "--arm-pale", none: "--arm", held: "--p2", fault: "--p1", lost: "--arm-lost", unknown: "--arm-lost" };
const REST = [0, -1.9, 1.5, -1.2, -1.57, 0];
const NOWHERE = new Matrix4().makeScale(0, 0, 0);
const STILL = 2e-4;
const FEW_SIDES = 6;
const MANY_SIDES = 24;

/** A tube of so many sides from p to q (m), its radius going from r to s; open: without its two ends. */
function tube(sides, p, q, r, s = r, open = false) {
  const [dx, dy, dz] = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
  const long = Math.hypot(dx, dy, dz);
  const geometry = new CylinderGeometry(s, r, Math.max(long, 1e-3), sides, 1, open);
  const axis = long > 0 ? [dx / long, dy / long, dz / long] : [0, 0, 1];
  // the cylinder's own axis is y: a frame whose y is the tube's axis
  const side = Math.abs(axis[2]) < 0.9 ? [0, 0, 1] : [1, 0, 0];
  const x = normal(cross(axis, side));
  const z = cross(x, axis);
  const m = new Matrix4().set(x[0], axis[0], z[0], (p[0] + q[0]) / 2, x[1], axis[1], z[1], (p[1] + q[1]) / 2, x[2], axis[2], z[2], (p[2] + q[2]) / 2, 0, 0, 0, 1);
  return geometry.applyMatrix4(m);
}

const cross = (p, q) => [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
const normal = (p) => {
  const long = Math.hypot(...p) || 1;
  return p.map((c) => c / long);
};

/** The body of link i in its turned frame: a housing about the joint, a tapered tube to the next joint. */
function linkGeometry(row, i, size, sides) {
  const [a, alpha, d] = row;
  const r = size * [0.1, 0.092, 0.074, 0.058, 0.055, 0.045][Math.min(5, i)];
  const s = size * [0.092, 0.074, 0.058, 0.055, 0.045, 0.04][Math.min(5, i)];
  const parts = [];
  if (Math.abs(a) > 0.05) {
    // upper arm and forearm stand beside each other, as real housings do
    const beside = i === 1 ? 1.45 * r : i === 2 ? 0.1 * r : 0;
    parts.push(tube(sides, [0, 0, beside - r * 1.25], [0, 0, beside + r * 1.15], r * 1.12));
    parts.push(tube(sides, [0, 0, beside], [a, 0, beside], r * 0.86, s * 0.86, true));
    parts.push(tube(sides, [a, 0, d - s * 1.2], [a, 0, beside + s * 1.15], s * 1.1));
  } else {
    const next = [0, -Math.sin(alpha), Math.cos(alpha)];
    if (d > 0.01) parts.push(tube(sides, [0, 0, i === 0 ? 0 : -r * 0.6], [0, 0, d], i === 0 ? r * 1.25 : r, r));
    else parts.push(tube(sides, [0, 0, -r], [0, 0, r], r));
    if (Math.abs(alpha) > 0.1) parts.push(tube(sides, [a - next[0] * s, -next[1] * s, d - next[2] * s], [a + next[0] * s * 1.1, next[1] * s * 1.1, d + next[2] * s * 1.1], s * 1.08));
  }
  return mergeGeometries(parts);
}

export class Arms {
  constructor(scene, assets, models, plinth) {
    this.scene = scene;
    this.material = new MeshLambertMaterial();
    this.dark = new MeshLambertMaterial();
    this.groups = [];
    this.items = [];
    const byModel = new Map();
    for (const asset of assets) {
      const model = models[asset.attributes?.model] ? asset.attributes.model : "";
      if (!byModel.has(model)) byModel.set(model, []);
      byModel.get(model).push(asset);
    }
    for (const [model, listed] of byModel) this.group(model ? models[model].dh : ORDINARY_ARM, listed, plinth);
    this.recolor();
  }

  group(dh, assets, plinth) {
    const size = reach(dh) / 1.85;
    // a hall of small arms needs fewer corners than one seen close
    const sides = assets.length > 3 ? FEW_SIDES : MANY_SIDES;
    const add = (geometry, count, material) => {
      const mesh = new InstancedMesh(geometry, material, count);
      mesh.frustumCulled = false;
      mesh.userData.assets = count === assets.length ? assets.map((asset) => asset.id) : assets.flatMap((asset) => [asset.id, asset.id]);
      this.scene.add(mesh);
      return mesh;
    };
    const group = {
      dh,
      size,
      links: dh.map((row, i) => add(linkGeometry(row, i, size, sides), assets.length, this.material)),
      palm: add(mergeGeometries([new CylinderGeometry(0.04 * size, 0.04 * size, 0.05, sides).rotateX(Math.PI / 2).translate(0, 0, 0.02), new BoxGeometry(0.13 * size, 0.05 * size, 0.05).translate(0, 0, 0.06)]), assets.length, this.dark),
      finger: add(new BoxGeometry(0.018, 0.034 * size, 0.11).translate(0, 0, 0.13), assets.length * 2, this.dark),
    };
    this.groups.push(group);
    assets.forEach((asset, at) => {
      const pose = asset.pose ?? {};
      const z = Math.max(pose.z_m ?? 0, 0);
      plinth(asset, size, z);
      const item = { asset, group, at, pose: { ...pose, z_m: z }, base: poseMatrix({ ...pose, z_m: z }), from: [...REST, 0.04], to: [...REST, 0.04], shown: [...REST, 0.04], start: 0, lasts: 0, look: "none", posed: false };
      this.items.push(item);
      this.pose(item, item.shown);
    });
  }

  /** Draw all arms larger than they are, so that a plan of a hall can still be read. */
  enlarge(scale) {
    for (const item of this.items) {
      item.base = poseMatrix(item.pose);
      for (const i of [0, 1, 2, 4, 5, 6, 8, 9, 10]) item.base[i] *= scale;
      this.pose(item, item.shown);
    }
  }

  /** Where to go next; `lasts` ms from now, 0 = at once. False where that is where it is. */
  aim(item, target, now, lasts) {
    if (item.posed && !target.some((value, i) => value !== undefined && Math.abs(value - item.to[i]) > STILL)) return false;
    item.from = [...item.shown];
    item.to = target.map((value, i) => (value === undefined ? item.shown[i] : value));
    item.start = now;
    item.lasts = item.posed ? lasts : 0;
    item.posed = true;
    item.moving = true;
    return true;
  }

  /** Move what is on its way; true while something is. */
  advance(now) {
    let moving = false;
    for (const item of this.items) {
      if (!item.moving) continue;
      const share = item.lasts > 0 ? Math.min(1, (now - item.start) / item.lasts) : 1;
      for (let i = 0; i < item.to.length; i++) item.shown[i] = item.from[i] + (item.to[i] - item.from[i]) * share;
      this.pose(item, item.shown);
      item.moving = share < 1;
      moving ||= item.moving;
    }
    return moving;
  }

  /** Put an arm as its joints say; one that has not told its angles is not drawn, a pose is never made up. */
  pose(item, values) {
    const { group, at } = item;
    const meshes = [...group.links, group.palm, group.finger];
    if (!item.posed) {
      for (const mesh of meshes) {
        mesh.setMatrixAt(mesh === group.finger ? 2 * at : at, NOWHERE);
        if (mesh === group.finger) mesh.setMatrixAt(2 * at + 1, NOWHERE);
        mesh.instanceMatrix.needsUpdate = true;
      }
      return;
    }
    const { links, tool } = chain(group.dh, values, item.base);
    const matrix = new Matrix4();
    links.forEach((link, i) => {
      group.links[i].setMatrixAt(at, matrix.fromArray(link));
      group.links[i].instanceMatrix.needsUpdate = true;
    });
    const flange = new Matrix4().fromArray(tool);
    group.palm.setMatrixAt(at, flange);
    const half = Math.min(0.06, Math.max(0, values[6] ?? 0.04) / 2) + 0.01;
    group.finger.setMatrixAt(2 * at, new Matrix4().makeTranslation(half, 0, 0).premultiply(flange));
    group.finger.setMatrixAt(2 * at + 1, new Matrix4().makeTranslation(-half, 0, 0).premultiply(flange));
    group.palm.instanceMatrix.needsUpdate = true;
    group.finger.instanceMatrix.needsUpdate = true;
    item.tool = [tool[12], tool[13], tool[14]];
  }

  paint(item, look) {
    if (item.look === look) return false;
    item.look = look;
    this.tint(item);
    return true;
  }

  tint(item) {
    // an abnormal arm keeps its metal and gets coloured joints: the disc below it and its label say the same
    const abnormal = item.look === "fault" || item.look === "held";
    const main = new Color(color(abnormal ? INKS.none : (INKS[item.look] ?? INKS.none)));
    const joint = new Color(color(abnormal || item.look === "lost" || item.look === "unknown" ? INKS[item.look] : "--arm-joint"));
    item.group.links.forEach((mesh, i) => {
      mesh.setColorAt(item.at, i === 1 || i === 2 || (i === 0 && !abnormal) ? main : joint);
      mesh.instanceColor.needsUpdate = true;
    });
  }

  recolor() {
    this.dark.color.set(color("--needle-soft"));
    for (const item of this.items) this.tint(item);
  }

  dispose() {
    for (const group of this.groups) {
      for (const mesh of [...group.links, group.palm, group.finger]) {
        mesh.geometry.dispose();
        mesh.dispose();
      }
    }
    this.material.dispose();
    this.dark.dispose();
  }
}
