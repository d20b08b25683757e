// React draws one frame; a core of plain DOM lives inside it until what it shows becomes something else.
import { live } from "./live.js";
import { useWords } from "./words.js";

const React = window.React;

/**
 * A Dash component around a core class with `static rebuildOn = [prop names]`, constructor(root, props, emit),
 * update(props) and dispose(). `emit` is Dash's setProps.
 */
export function component(Core, className) {
  function Component(props) {
    const frame = React.useRef(null);
    const core = React.useRef(null);
    const latest = React.useRef(props);
    latest.current = props;
    if (props.words) useWords(props.words);
    const identity = JSON.stringify(Core.rebuildOn.map((name) => props[name] ?? null));
    React.useEffect(() => {
      const root = frame.current;
      const release = live.want(siteOf(latest.current));
      core.current = new Core(root, latest.current, (changes) => latest.current.setProps?.(changes));
      return () => {
        release();
        core.current.dispose();
        core.current = null;
        root.replaceChildren();
      };
    }, [identity]);
    React.useEffect(() => {
      core.current?.update(latest.current);
    });
    return React.createElement("div", { id: props.id, ref: frame, className: `ft ${className} ${props.className ?? ""}`.trim() });
  }
  Component.displayName = Core.name;
  return Component;
}

/** The site whose packets a component needs; "" if it is content with what others ask for. */
function siteOf(props) {
  if (props.site || props.view === "overview") return props.site || "*";
  const id = props.asset || props.signals?.[0] || props.assets?.[0] || "";
  return id.split("/")[0];
}

/** What every core shares: listeners that end with it. */
export class Core {
  constructor(root, props, emit) {
    this.root = root;
    this.props = props;
    this.emit = emit;
    this.ends = [];
  }

  get lang() {
    return this.props.lang || document.documentElement.lang || "en";
  }

  get zone() {
    if (this.props.timezone) return this.props.timezone;
    const site = live.directory.sites.get(this.props.site) ?? live.directory.sites.values().next().value;
    return site?.timezone ?? "UTC";
  }

  /** Remember how to end something; returns it for chaining. */
  until(end) {
    this.ends.push(end);
    return end;
  }

  update(props) {
    this.props = props;
  }

  dispose() {
    for (const end of this.ends.splice(0).reverse()) end();
  }
}
