// The drawing of a floor that people uploaded, flat under everything that stands on it.
import { Mesh, MeshBasicMaterial, PlaneGeometry, TextureLoader } from "three";

const JUST_OVER_THE_FLOOR_M = -0.035;
const OPACITY = 0.85;

export class Underlay {
  /** @param {() => void} shown called once the picture is there */
  constructor(floor, site, shown) {
    if (!site?.drawing) return;
    const [w, d] = site.size_m;
    this.material = new MeshBasicMaterial({ transparent: true, opacity: OPACITY, depthWrite: false });
    this.mesh = new Mesh(new PlaneGeometry(w, d), this.material);
    this.mesh.position.set(w / 2, d / 2, JUST_OVER_THE_FLOOR_M);
    this.mesh.visible = false;
    floor.add(this.mesh);
    this.texture = new TextureLoader().load(site.drawing, () => {
      this.material.map = this.texture;
      this.material.needsUpdate = true;
      this.mesh.visible = true;
      shown();
    });
  }

  dispose() {
    this.texture?.dispose();
    this.material?.dispose();
    this.mesh?.geometry.dispose();
  }
}
