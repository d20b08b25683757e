// What draws scenes (three.js and all that stands on it) is a script of its own: pages without a scene never load it.
import { Core } from "./component.js";
import { el } from "./dom.js";
import { live } from "./live.js";
import { t } from "./words.js";

const PATIENCE_MS = 1000;
let coming = null;

/** When the page's names have come and are painted: a scene takes its time, and what is read comes first. */
const painted = () =>
  new Promise((done) => {
    const next = () => requestAnimationFrame(() => setTimeout(done));
    if (!live.directory.empty) next();
    else {
      const end = live.on("directory", () => {
        end();
        next();
      });
      setTimeout(done, PATIENCE_MS);
    }
  });

/** The scene's classes, loaded when first asked for; asked again after a failure. */
export function scene() {
  coming ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = window.factoryTwin.scene_address;
    script.onload = () => done(window.factoryTwin.scene);
    script.onerror = () => {
      coming = null;
      script.remove();
      failed(new Error(`${script.src} did not come`));
    };
    document.head.append(script);
  });
  return coming;
}

/** A core that lies in the scene's script: it stands once that has come. */
export function later(name, rebuildOn) {
  return class extends Core {
    static name = name;
    static rebuildOn = rebuildOn;

    constructor(root, props, emit) {
      super(root, props, emit);
      let ended = false;
      this.until(() => (ended = true));
      painted().then(() => ended || scene()).then(
        (found) => {
          if (ended) return;
          this.core = new found[name](root, this.props, emit);
          this.until(() => this.core.dispose());
        },
        () => ended || root.replaceChildren(el("p", { class: "ft-empty" }, t("twin.not_loaded"))),
      );
    }

    update(props) {
      super.update(props);
      this.core?.update(props);
    }
  };
}
