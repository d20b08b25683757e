// The floor, in two dimensions or three: one scene, one way of picking, drawn only when something changed.
import { Color, ColorManagement, DirectionalLight, Group, HemisphereLight, LinearSRGBColorSpace, MOUSE, OrthographicCamera, PerspectiveCamera, Raycaster, Scene, TOUCH, Vector2, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { Core } from "./component.js";
import { assetsOf, named } from "./directory.js";
import { el, setText } from "./dom.js";
import { number } from "./format.js";
import { live } from "./live.js";
import { assetHref, go } from "./navigate.js";
import { present } from "./present.js";
import { look } from "./states.js";
import { color, onTheme } from "./theme.js";
import { Arms } from "./twin/arms.js";
import { Furniture } from "./twin/furniture.js";
import { alarms } from "./alarms/model.js";
import { Labels } from "./twin/labels.js";
import { drawsInSoftware } from "./twin/software.js";
import { Routes } from "./twin/routes.js";
import { Underlay } from "./twin/underlay.js";
import { Vehicles } from "./twin/vehicles.js";
import { t } from "./words.js";

// Colours are the page's own, as CSS says them: no conversion, neither here nor for every pixel.
ColorManagement.enabled = false;

const MAX_RATIO = 1.5;
const FIT = 0.96;
const FIT_STEPS = 24;
const FRAME_MS = 30;
/** Without a graphics card a picture may take long: between two of them the page has as many times that for all else. */
const REST = 4;
const SCREEN_MS = 17;
const HOVER_MS = 80;
const LABEL_HEIGHTS = { robot_arm: 1.9, mobile_robot: 0.9, machine_tool: 2.3, inspection: 2.2, conveyor: 1, buffer: 1.6, energy_meter: 1.5, environment: 1.9 };
const FOOT_M = { machine_tool: 1.05, inspection: 0.6, conveyor: 0.4, buffer: 0.5, energy_meter: 0.3, environment: 0.2 };
const ROOMY_PX_PER_M = 17;
const MAX_ENLARGED = 3;
const SPOT_M = 1.9;
// On a floor that is fewer spots wide than this, arms are large enough as they are.
const FLOOR_SPOTS = 6;
const BETWEEN_M = 1.5;
const MAX_ENLARGED_VEHICLE = 2.2;
const MAX_ENLARGED_3D = 2.2;
const QUIET = new Set(["energy_meter", "environment", "buffer", "conveyor"]);

export class TwinViewCore extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    this.stage = el("div", { class: "ft-stage" });
    this.note = el("p", { class: "ft-empty" });
    this.legend = el("p", { class: "ft-twin-legend", hidden: true });
    root.append(this.stage, this.note, this.legend);
    this.frames = 0;
    this.cost_ms = 0;
    // The rest of the page is painted first: without a graphics card the first context takes a second.
    const soon = requestAnimationFrame(() => (this.starting = setTimeout(() => this.start())));
    this.until(() => {
      cancelAnimationFrame(soon);
      clearTimeout(this.starting);
    });
  }

  start() {
    try {
      this.renderer = new WebGLRenderer({ antialias: !drawsInSoftware(), powerPreference: "high-performance" });
    } catch {
      setText(this.note, t("twin.no_webgl"));
      return;
    }
    this.renderer.outputColorSpace = LinearSRGBColorSpace;
    this.background();
    this.renderer.setPixelRatio(Math.min(MAX_RATIO, window.devicePixelRatio || 1));
    this.stage.append(this.renderer.domElement);
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.listen();
    this.until(live.on("directory", () => this.build()));
    this.attend();
    this.until(
      onTheme(() => {
        this.background();
        for (const part of this.painted) part?.recolor();
        this.way();
        this.ask();
      }),
    );
    this.build();
  }

  /** Hear of what is shown: the page's moment. A view of other moments overrides these. */
  attend() {
    this.until(present.onChange((changed) => this.hear(changed)));
    this.until(present.onTick(() => this.paint()));
    this.until(alarms.on(() => this.paint()));
  }

  read(asset, role, i = 0) {
    return present.value(asset.roles.get(`${role}#${i}`));
  }

  stateOf(asset) {
    return present.stateOf(asset);
  }

  alarmOf(asset) {
    return alarms.byAsset.get(asset.id);
  }

  get painted() {
    return [this.furniture, this.arms, this.vehicles, this.routes];
  }

  background() {
    this.renderer.setClearColor(new Color(color("--ground")), 1);
  }

  // ---- scene ----

  build() {
    const directory = live.directory;
    const only = this.props.assets?.length ? new Set(this.props.assets) : null;
    const assets = assetsOf(directory, this.props.site).filter((asset) => !only || only.has(asset.id));
    const name = JSON.stringify([assets.map((asset) => [asset.id, asset.pose, asset.attributes]), [...directory.sites.values()].map((site) => [site.id, site.drawing])]);
    setText(this.note, assets.length ? "" : directory.empty ? t("wait.directory") : t("twin.nothing"));
    this.note.hidden = assets.length > 0;
    if (name === this.built) {
      // the streams may be new: look roles up again
      this.assets = assets;
      this.index();
      this.hear(null);
      return;
    }
    this.built = name;
    this.clear();
    this.assets = assets;
    this.whole = !only;
    // one mobile robot seen close: the camera drives along, over the site's floor
    this.follows = !this.whole && assets.length === 1 && assets[0].type === "mobile_robot";
    this.followed = null;
    this.site = directory.sites.get(this.props.site) ?? directory.sites.get(assets[0]?.site);
    this.scene = new Scene();
    this.floor = new Group();
    this.floor.rotation.x = -Math.PI / 2;
    this.scene.add(this.floor);
    this.scene.add(new HemisphereLight("#ffffff", "#aeb4ba", Math.PI * 0.72));
    const sun = new DirectionalLight("#ffffff", Math.PI * 0.42);
    sun.position.set(-0.5, 1, 0.62);
    this.scene.add(sun);
    this.furniture = new Furniture(this.floor, this.site, assets, this.whole || this.follows);
    this.underlay = new Underlay(this.floor, this.whole ? this.site : null, () => this.ask());
    const ofType = (type) => assets.filter((asset) => asset.type === type);
    this.arms = new Arms(this.floor, ofType("robot_arm"), directory.armModels, (asset, size, z) => this.furniture.plinth(asset, size, z));
    this.vehicles = new Vehicles(this.floor, ofType("mobile_robot"));
    this.routes = this.props.routes ? new Routes(this.floor, ofType("mobile_robot")) : null;
    this.furniture.build();
    this.labels = new Labels(this.stage);
    if (this.whole) for (const place of this.site?.places ?? []) if (place.rect_m) this.labelPlace(place);
    this.index();
    this.fitted = false;
    this.applyMode();
    this.hear(null);
    this.paint();
  }

  labelPlace(place) {
    const [x, y, w, d] = place.rect_m;
    this.labels.addPlace(named(place, this.lang), () => [x, y + d, 0], () => [x + w, y + d, 0], place.level);
  }

  index() {
    this.byKey = new Map();
    const arms = new Map(this.arms.items.map((item) => [item.asset.id, item]));
    const vehicles = new Map(this.vehicles.items.map((item) => [item.asset.id, item]));
    this.routes?.index(this.vehicles.items.map((item) => this.assets.find((asset) => asset.id === item.asset.id) ?? item.asset));
    const known = new Map(this.labels.items.filter((item) => item.asset).map((item) => [item.asset.id, item]));
    this.items = this.assets.map((asset) => {
      const item = { asset, arm: arms.get(asset.id), vehicle: vehicles.get(asset.id), heard: 0 };
      const high = LABEL_HEIGHTS[asset.type] ?? 1.4;
      const { x_m = 0, y_m = 0 } = asset.pose ?? {};
      // on the plan a name stands below its asset, in space above it
      const half = (asset.type === "robot_arm" ? 0.95 : asset.type === "mobile_robot" ? 0.42 : 0) || FOOT_M[asset.type] || 0.6;
      const drop = () => half * (item.arm || item.vehicle ? this.scale : 1);
      const over = () => {
        const [x, y] = item.vehicle ? item.vehicle.shown : [x_m, y_m];
        return [x, y + drop(), 0];
      };
      const at = () => {
        const [x, y] = item.vehicle ? item.vehicle.shown : [x_m, y_m];
        return this.flat ? [x, y - drop(), 0] : [x, y, this.whole ? high * this.scale : (item.vehicle ? 1.2 : high * 0.8)];
      };
      item.label = known.get(asset.id) ?? this.labels.addAsset(asset, at, over, (id) => this.pick(id), this.props.focus ? asset.type !== this.props.focus : QUIET.has(asset.type));
      for (const stream of asset.streams) this.byKey.set(stream.key, item);
      return item;
    });
  }

  clear() {
    for (const part of [this.underlay, this.furniture, this.arms, this.vehicles, this.routes, this.labels]) part?.dispose();
    this.scene = null;
  }

  // ---- state ----

  hear(changed) {
    if (!this.scene) return;
    const now = performance.now();
    let moved = changed === null;
    const items = changed ? new Set([...changed].map((key) => this.byKey.get(key)).filter(Boolean)) : this.items;
    for (const item of items) {
      const lasts = changed === null || this.still.matches || !item.heard ? 0 : Math.min(400, Math.max(60, now - item.heard));
      item.heard = now;
      const value = (role, i = 0) => this.read(item.asset, role, i);
      if (item.arm) {
        const target = [0, 1, 2, 3, 4, 5].map((i) => value("joint_position", i));
        target.push(value("tool_opening"));
        if (target.slice(0, 6).some((angle) => angle !== undefined)) moved = this.arms.aim(item.arm, target, now, lasts) || moved;
      } else if (item.vehicle) {
        const [x, y, yaw] = [value("x"), value("y"), value("yaw")];
        if (x !== undefined && y !== undefined) moved = this.vehicles.aim(item.vehicle, x, y, yaw ?? item.vehicle.shown[2], (value("load") ?? 0) > 1, now, lasts) || moved;
      } else if (item.asset.type === "buffer") {
        const level = value("level");
        const capacity = value("capacity") || item.asset.attributes?.capacity || 10;
        if (level !== undefined && this.furniture.fill(item.asset.id, level / capacity)) moved = true;
      }
    }
    this.paint(items);
    if (moved) this.ask();
    this.way();
  }

  /** The ways of the vehicles, if they are to be seen. */
  way() {
    if (this.routes?.draw(this.props.selected ?? null, (id) => this.vehicles.items.find((item) => item.asset.id === id)?.to)) this.ask();
  }

  /** Colours, marks and words by state; ages make assets lost without any packet. */
  paint(items = this.items) {
    if (!this.scene) return;
    let any = false;
    for (const item of items) {
      const state = this.stateOf(item.asset);
      const one = state === null ? "none" : look(state);
      const selected = item.asset.id === this.props.selected;
      const worst = this.alarmOf(item.asset);
      const key = `${state} ${selected} ${worst?.priority}${worst?.waits}`;
      if (item.painted === key) continue;
      item.painted = key;
      any = true;
      if (item.arm) this.arms.paint(item.arm, one);
      if (item.vehicle) this.vehicles.paint(item.vehicle, one);
      this.furniture.paint(item.asset, one, selected);
      // where one type is looked for, others are named only when something is wrong with them
      const back = one === "lost" && this.props.focus && item.asset.type !== this.props.focus;
      this.labels.set(item.label, back ? "none" : one, state, selected, worst, item.asset.type === this.props.focus && one === "wait");
    }
    if (any) this.ask();
  }

  update(props) {
    const mode = props.mode !== this.props.mode;
    const selected = props.selected !== this.props.selected;
    super.update(props);
    if (!this.scene) return;
    if (mode) {
      this.fitted = false;
      this.applyMode();
    }
    if (selected) this.paint();
    if (selected) this.way();
  }

  // ---- camera ----

  get flat() {
    return this.props.mode === "2d";
  }

  bounds() {
    if (this.whole && this.site) return { x: this.site.size_m[0] / 2, y: this.site.size_m[1] / 2, w: this.site.size_m[0], d: this.site.size_m[1], h: 0.3 };
    if (this.follows) {
      const [x, y] = this.vehicles.items[0].shown;
      this.followed = [x, y];
      return { x, y, w: 3.4, d: 3.4, h: 0.3 };
    }
    const xs = this.assets.map((asset) => asset.pose?.x_m ?? 0);
    const ys = this.assets.map((asset) => asset.pose?.y_m ?? 0);
    const pad = 2.2;
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, w: x1 - x0 + pad, d: y1 - y0 + pad, h: 0.5 };
  }

  /** How much larger than life arms can be drawn without touching each other or what stands between them. */
  room() {
    let nearest = Infinity;
    const poses = this.arms.items.map((item) => item.pose);
    for (let i = 0; i < poses.length; i++) for (let j = 0; j < i; j++) nearest = Math.min(nearest, Math.hypot(poses[i].x_m - poses[j].x_m, poses[i].y_m - poses[j].y_m));
    const floor = this.site ? Math.min(...this.site.size_m) / (SPOT_M * FLOOR_SPOTS) : Infinity;
    return Math.max(1, Math.min(MAX_ENLARGED, floor, (nearest - BETWEEN_M) / SPOT_M));
  }

  applyMode() {
    this.controls?.dispose();
    this.camera = this.flat ? new OrthographicCamera(-1, 1, 1, -1, 0.1, 500) : new PerspectiveCamera(38, 1, this.whole ? 1 : 0.1, 600);
    if (this.flat) this.camera.up.set(0, 0, -1);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.enableRotate = !this.flat;
    this.controls.maxPolarAngle = this.flat ? Math.PI : 1.5;
    this.controls.screenSpacePanning = this.flat;
    this.controls.zoomToCursor = true;
    if (this.flat) {
      this.controls.mouseButtons = { LEFT: MOUSE.PAN, MIDDLE: MOUSE.DOLLY, RIGHT: MOUSE.PAN };
      this.controls.touches = { ONE: TOUCH.PAN, TWO: TOUCH.DOLLY_PAN };
    }
    this.controls.addEventListener("change", () => this.ask());
    this.scale = this.whole ? Math.min(this.room(), this.flat ? MAX_ENLARGED : MAX_ENLARGED_3D) : 1;
    setText(this.legend, this.scale > 1 ? t("twin.enlarged", { n: number(this.scale, 1) }) : "");
    this.legend.hidden = this.scale === 1;
    this.arms.enlarge(this.scale);
    this.vehicles.enlarge(Math.min(this.scale, MAX_ENLARGED_VEHICLE));
    this.routes?.enlarge(Math.min(this.scale, MAX_ENLARGED_VEHICLE));
    this.way();
    this.furniture.enlarge(this.scale);
    this.furniture.flatten(this.flat);
    this.resize();
  }

  resize() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    if (!width || !height || !this.camera) return;
    // Kept: asking the document again for every label would lay it out anew each time.
    [this.width, this.height] = [width, height];
    this.renderer.setSize(width, height);
    const { x, y, w, d, h } = this.bounds();
    if (this.flat) {
      const half = Math.max((d / 2) * 1.03, ((w / 2) * 1.03 * height) / width);
      Object.assign(this.camera, { left: (-half * width) / height, right: (half * width) / height, top: half, bottom: -half });
    } else this.camera.aspect = width / height;
    if (!this.fitted) {
      this.controls.target.set(x, h, -y);
      if (this.flat) this.camera.position.set(x, 120, -y);
      else {
        this.camera.updateProjectionMatrix();
        this.fit3d(x, y, w, d);
      }
      this.controls.minDistance = 1;
      this.controls.maxDistance = Math.max(w, d) * 3;
      this.fitted = true;
    }
    this.camera.updateProjectionMatrix();
    this.controls.update();
    this.ask();
  }

  fit3d(x, y, w, d) {
    const down = this.whole ? 0.86 : 0.36;
    const side = this.whole ? 0 : 0.6;
    const tall = Math.tan((this.camera.fov * Math.PI) / 360);
    const { target } = this.controls;
    const stand = (far) => {
      this.camera.position.set(target.x + far * Math.cos(down) * Math.sin(side), target.y + far * Math.sin(down), target.z + far * Math.cos(down) * Math.cos(side));
      this.camera.lookAt(target);
      this.camera.updateMatrixWorld();
    };
    if (!this.whole) {
      stand(((Math.max(w, d, 2.4) * 0.56) / tall) * 1.1);
      return;
    }
    // as near as all four corners allow, the floor in the middle of the picture
    target.set(x, 0, -y);
    this.camera.updateProjectionMatrix();
    const corners = [[0, 0], [w, 0], [0, d], [w, d]].map(([cx, cy]) => [x - w / 2 + cx, y - d / 2 + cy]);
    let far = d / tall;
    for (let i = 0; i < FIT_STEPS; i++) {
      stand(far);
      const seen = corners.map(([cx, cy]) => new Vector3(cx, 0, -cy).project(this.camera));
      const [low, high] = [Math.min(...seen.map((p) => p.y)), Math.max(...seen.map((p) => p.y))];
      const fills = Math.max(...seen.map((p) => Math.abs(p.x)), (high - low) / 2 + 0.04);
      far *= 1 + (fills / FIT - 1) * 0.6;
      target.z -= ((low + high) / 2 + 0.04) * far * tall * 0.6;
    }
    stand(far);
  }

  project([x, y, z]) {
    const point = new Vector3(x, z, -y).project(this.camera);
    return [((point.x + 1) / 2) * this.width, ((1 - point.y) / 2) * this.height, point.z < 1 && point.z > -1];
  }

  /** How large a metre is at the middle of what is seen. */
  pixelsPerMetre() {
    if (this.flat) return (this.height * this.camera.zoom) / (this.camera.top - this.camera.bottom);
    const far = this.camera.position.distanceTo(this.controls.target);
    return this.height / (2 * far * Math.tan((this.camera.fov * Math.PI) / 360));
  }

  // ---- picking ----

  listen() {
    const canvas = this.renderer.domElement;
    let down = null;
    let looked = 0;
    canvas.addEventListener("pointerdown", (event) => (down = [event.clientX, event.clientY]));
    canvas.addEventListener("pointerup", (event) => {
      if (!down || Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4) return;
      const id = this.under(event);
      if (id) this.pick(id);
    });
    canvas.addEventListener("dblclick", (event) => {
      const id = this.under(event);
      if (id) go(assetHref(id));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons || performance.now() - looked < HOVER_MS) return;
      looked = performance.now();
      const id = this.under(event);
      canvas.style.cursor = id ? "pointer" : "";
      canvas.title = id ?? "";
    });
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.ask());
  }

  under(event) {
    if (!this.scene) return null;
    const box = this.renderer.domElement.getBoundingClientRect();
    const at = new Vector2(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2);
    const ray = new Raycaster();
    ray.setFromCamera(at, this.camera);
    for (const mesh of this.floor.children) if (mesh.boundingSphere) mesh.boundingSphere = null;
    for (const hit of ray.intersectObjects(this.floor.children, false)) {
      const id = hit.object.userData.assets?.[hit.instanceId];
      if (id) return id;
    }
    return null;
  }

  pick(id) {
    this.props = { ...this.props, selected: id };
    this.paint();
    this.way();
    this.emit({ selected: id });
  }

  // ---- drawing ----

  follow() {
    const [x, y] = this.vehicles.items[0].shown;
    const [from, to] = [this.followed ?? [x, y], [x, y]];
    const [dx, dz] = [to[0] - from[0], from[1] - to[1]];
    this.followed = to;
    if (!dx && !dz) return;
    for (const point of [this.camera.position, this.controls.target]) {
      point.x += dx;
      point.z += dz;
    }
    this.camera.updateMatrixWorld();
  }

  /** Move what is on its way; true while something is. */
  advance(now) {
    return [this.arms.advance(now), this.vehicles.advance(now)].some(Boolean);
  }

  /** Draw when the next picture is due; until then no frame of the page is asked for, since each costs, drawn or not. */
  ask() {
    if (this.asked) return;
    const due = () => (this.asked = requestAnimationFrame(() => this.render()));
    const rests_ms = Math.max(FRAME_MS, (1 + REST) * this.cost_ms) - SCREEN_MS - (performance.now() - (this.rendered ?? 0));
    if (rests_ms <= 0) due();
    else this.asked = this.waits = setTimeout(due, rests_ms);
  }

  render() {
    this.asked = 0;
    if (!this.scene || !this.camera) return;
    const now = (this.rendered = performance.now());
    const moving = this.advance(now);
    if (this.follows) this.follow();
    this.renderer.render(this.scene, this.camera);
    this.labels.place((at) => this.project(at), this.width, this.height, this.flat, this.pixelsPerMetre() > ROOMY_PX_PER_M);
    this.frames++;
    // what a picture costs is seen by how late the page's next frame begins
    requestAnimationFrame(() => (this.cost_ms += (Math.max(0, performance.now() - now - SCREEN_MS) - this.cost_ms) / 4));
    if (moving) this.ask();
  }

  dispose() {
    cancelAnimationFrame(this.asked);
    clearTimeout(this.waits);
    this.sizes?.disconnect();
    super.dispose();
    if (!this.renderer) return;
    this.controls?.dispose();
    this.clear();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.asked = 1;
  }
}
