// Many boxes in one draw call: floor areas, lanes, conveyors, machines. Each knows its asset and its colour's name.
import { BoxGeometry, Color, InstancedMesh, Matrix4, MeshBasicMaterial, MeshLambertMaterial, Quaternion, Vector3 } from "three";
import { color } from "../theme.js";

const UP = new Vector3(0, 0, 1);

export class Boxes {
  /**
   * @param {boolean} lit shaded by the lights, or flat in exactly the CSS colour
   * @param {number} order when it is drawn: flat things before the rest
   */
  constructor(scene, lit, geometry = new BoxGeometry(1, 1, 1), order = 0) {
    this.scene = scene;
    this.geometry = geometry;
    // flat things lie on each other in the order they were added, whatever their height
    this.material = lit ? new MeshLambertMaterial() : new MeshBasicMaterial({ depthTest: false, depthWrite: false });
    this.order = order;
    this.items = [];
    this.mesh = null;
  }

  /** x, y, z: the box's middle in m; w, d, h: its size; yaw in rad. Returns its number. */
  add(ink, x, y, z, w, d, h, yaw = 0, asset = null) {
    this.items.push({ ink, x, y, z, w, d, h, yaw, asset });
    return this.items.length - 1;
  }

  build() {
    this.mesh = new InstancedMesh(this.geometry, this.material, Math.max(1, this.items.length));
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = this.order;
    this.mesh.count = this.items.length;
    this.mesh.userData.assets = this.items.map((item) => item.asset);
    this.items.forEach((_, i) => this.place(i));
    this.recolor();
    this.scene.add(this.mesh);
  }

  place(i, changes = null) {
    const item = Object.assign(this.items[i], changes);
    const matrix = new Matrix4().compose(new Vector3(item.x, item.y, item.z), new Quaternion().setFromAxisAngle(UP, item.yaw), new Vector3(item.w, item.d, Math.max(item.h, 1e-4)));
    this.mesh.setMatrixAt(i, matrix);
    this.mesh.instanceMatrix.needsUpdate = true;
  }

  paint(i, ink) {
    if (this.items[i].ink === ink) return false;
    this.items[i].ink = ink;
    this.mesh.setColorAt(i, new Color(color(ink)));
    this.mesh.instanceColor.needsUpdate = true;
    return true;
  }

  recolor() {
    this.items.forEach((item, i) => this.mesh.setColorAt(i, new Color(color(item.ink))));
    if (this.mesh.instanceColor) this.mesh.instanceColor.needsUpdate = true;
  }

  dispose() {
    this.mesh?.dispose();
    this.geometry.dispose();
    this.material.dispose();
  }
}
