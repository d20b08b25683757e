// Ways of mobile robots on the floor: released ones solid, those not yet released dashed, the chosen robot's in the accent.
import { Color, InstancedMesh, Matrix4, MeshBasicMaterial, PlaneGeometry, Quaternion, Vector3 } from "three";
import { present } from "../present.js";
import { color } from "../theme.js";
import { ahead, parseRoute, pieces, routeSignals } from "./route.js";

const MOST = 4000;
const DASH_M = 0.7;
const WIDE_M = 0.12;
const CHOSEN_M = 0.22;
const UP = new Vector3(0, 0, 1);

export class Routes {
  constructor(scene, assets) {
    // flat on the floor: after what lies there, before what stands on it
    this.mesh = new InstancedMesh(new PlaneGeometry(1, 1), new MeshBasicMaterial({ depthTest: false, depthWrite: false }), MOST);
    this.mesh.renderOrder = -0.5;
    this.mesh.frustumCulled = false;
    this.mesh.count = 0;
    scene.add(this.mesh);
    this.scale = 1;
    this.selected = null;
    this.index(assets);
  }

  /** Look the signals up again: the streams may be new. */
  index(assets) {
    this.items = assets.map((asset) => ({ asset, signals: routeSignals(asset) })).filter(({ signals }) => signals.base || signals.path);
    this.drawn = "";
  }

  /** Lines as thick as the vehicles are large. */
  enlarge(scale) {
    this.scale = scale;
    this.drawn = "";
  }

  /** Draw the ways of now; `place(id)` gives where a vehicle is drawn, [x, y]. False where nothing changed. */
  draw(selected, place) {
    const ways = this.items.map(({ asset, signals }) => {
      const text = (name) => (signals[name] && !present.isStale(signals[name].stream, present.entry(signals[name].stream.key)) ? (present.value(signals[name]) ?? "") : "");
      const at = place(asset.id) ?? [NaN, NaN];
      return { id: asset.id, base: text("base") || text("path"), horizon: text("horizon"), at: at.map((x) => Math.round(x * 10) / 10) };
    });
    const key = JSON.stringify([selected, this.scale, ways]);
    if (key === this.drawn) return false;
    this.drawn = key;
    this.selected = selected;
    let n = 0;
    const lay = (pieces_, wide, ink) => {
      for (const [x, y, long, yaw] of pieces_) {
        if (n >= MOST) return;
        this.mesh.setMatrixAt(n, new Matrix4().compose(new Vector3(x, y, 0.01), new Quaternion().setFromAxisAngle(UP, yaw), new Vector3(long + wide * 0.4, wide, 1)));
        this.mesh.setColorAt(n, ink);
        n++;
      }
    };
    for (const way of ways.sort((a, b) => Number(a.id === selected) - Number(b.id === selected))) {
      const chosen = way.id === selected;
      const wide = (chosen ? CHOSEN_M : WIDE_M) * this.scale;
      const ink = new Color(color(chosen ? "--accent" : "--needle-soft"));
      lay(pieces(ahead(parseRoute(way.base).line, ...way.at)), wide, ink);
      lay(pieces(parseRoute(way.horizon).line, DASH_M * this.scale), wide, ink);
    }
    this.mesh.count = n;
    this.mesh.instanceMatrix.needsUpdate = true;
    if (this.mesh.instanceColor) this.mesh.instanceColor.needsUpdate = true;
    return true;
  }

  recolor() {
    this.drawn = "";
  }

  dispose() {
    this.mesh.geometry.dispose();
    this.mesh.material.dispose();
    this.mesh.dispose();
  }
}
