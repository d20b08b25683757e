// Mobile robots: a body with a nose, a load on top when there is one, driving between what the packets say.
import { BoxGeometry, Color, CylinderGeometry, InstancedMesh, Matrix4, MeshLambertMaterial, Quaternion, Vector3 } from "three";
import { mergeGeometries } from "three/examples/jsm/utils/BufferGeometryUtils.js";
import { color } from "../theme.js";
import { turn } from "./kinematics.js";

const LONG = 1.25;
const WIDE = 0.82;
const TALL = 0.3;
const JUMP_M = 6;
const STILL = 1e-3;
const UP = new Vector3(0, 0, 1);
const NOWHERE = new Matrix4().makeScale(0, 0, 0);
const INKS = { held: "--p2", fault: "--p1", lost: "--arm-lost", unknown: "--arm-lost" };

export class Vehicles {
  constructor(scene, assets) {
    this.scale = 1;
    this.material = new MeshLambertMaterial();
    const mesh = (geometry) => {
      const made = new InstancedMesh(geometry, this.material, Math.max(1, assets.length));
      made.count = assets.length;
      made.frustumCulled = false;
      made.userData.assets = assets.map((asset) => asset.id);
      scene.add(made);
      return made;
    };
    this.body = mesh(new BoxGeometry(LONG, WIDE, TALL).translate(0, 0, TALL / 2 + 0.06));
    this.deck = mesh(new BoxGeometry(LONG * 0.94, WIDE * 0.9, 0.05).translate(0, 0, TALL + 0.08));
    // an arrow on the deck: where the nose is can be told without colour
    const nose = new CylinderGeometry(0.2, 0.2, 0.02, 3).rotateX(Math.PI / 2).rotateZ(-Math.PI / 2).translate(LONG * 0.32, 0, TALL + 0.115);
    this.nose = mesh(mergeGeometries([nose.toNonIndexed(), new BoxGeometry(0.1, WIDE * 0.92, 0.14).translate(LONG / 2, 0, 0.2).toNonIndexed()]));
    this.load = mesh(new BoxGeometry(0.62, 0.62, 0.42).translate(-0.18, 0, TALL + 0.1 + 0.21));
    this.items = assets.map((asset, at) => {
      const { x_m = 0, y_m = 0, yaw_rad = 0 } = asset.pose ?? {};
      const pose = [x_m, y_m, yaw_rad];
      return { asset, at, from: pose, to: pose, shown: [...pose], start: 0, lasts: 0, look: "none", loaded: false };
    });
    for (const item of this.items) this.pose(item);
    this.recolor();
  }

  /** Draw all vehicles larger than they are, so that a plan of a hall can still be read. */
  enlarge(scale) {
    this.scale = scale;
    for (const item of this.items) this.pose(item);
  }

  /** Where to go next; `lasts` ms from now, 0 = at once. False where that is where it is. */
  aim(item, x, y, yaw, loaded, now, lasts) {
    if (item.loaded === loaded && [x, y, yaw].every((value, i) => Math.abs(value - item.to[i]) < STILL)) return false;
    const far = Math.hypot(x - item.shown[0], y - item.shown[1]) > JUMP_M;
    item.from = [...item.shown];
    item.to = [x, y, yaw];
    item.start = now;
    item.lasts = far ? 0 : lasts;
    item.loaded = loaded;
    item.moving = true;
    return true;
  }

  advance(now) {
    let moving = false;
    for (const item of this.items) {
      if (!item.moving) continue;
      const share = item.lasts > 0 ? Math.min(1, (now - item.start) / item.lasts) : 1;
      item.shown[0] = item.from[0] + (item.to[0] - item.from[0]) * share;
      item.shown[1] = item.from[1] + (item.to[1] - item.from[1]) * share;
      item.shown[2] = turn(item.from[2], item.to[2], share);
      this.pose(item);
      item.moving = share < 1;
      moving ||= item.moving;
    }
    return moving;
  }

  pose(item) {
    const [x, y, yaw] = item.shown;
    const matrix = new Matrix4().compose(new Vector3(x, y, 0), new Quaternion().setFromAxisAngle(UP, yaw), new Vector3(this.scale, this.scale, this.scale));
    for (const mesh of [this.body, this.deck, this.nose, this.load]) {
      mesh.setMatrixAt(item.at, mesh === this.load && !item.loaded ? NOWHERE : matrix);
      mesh.instanceMatrix.needsUpdate = true;
    }
  }

  paint(item, look) {
    if (item.look === look) return false;
    item.look = look;
    this.tint(item);
    return true;
  }

  tint(item) {
    const set = (mesh, ink) => {
      mesh.setColorAt(item.at, new Color(color(ink)));
      mesh.instanceColor.needsUpdate = true;
    };
    set(this.body, INKS[item.look] ?? "--needle-soft");
    set(this.deck, INKS[item.look] && item.look !== "held" ? INKS[item.look] : "--amr-deck");
    set(this.nose, "--needle");
    set(this.load, "--load");
  }

  recolor() {
    for (const item of this.items) this.tint(item);
  }

  dispose() {
    for (const mesh of [this.body, this.deck, this.nose, this.load]) {
      mesh.geometry.dispose();
      mesh.dispose();
    }
    this.material.dispose();
  }
}
