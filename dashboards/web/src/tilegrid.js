// TileGrid is six views that share one component.
import { AssetsView } from "./tiles/assets.js";
import { ConnectionsView } from "./tiles/connections.js";
import { OeeView } from "./tiles/oee.js";
import { OverviewView } from "./tiles/overview.js";
import { ReportView } from "./tiles/report.js";
import { SignalsView } from "./tiles/signals.js";

const VIEWS = { overview: OverviewView, assets: AssetsView, signals: SignalsView, connections: ConnectionsView, oee: OeeView, report: ReportView };

export class TileGridCore {
  static rebuildOn = ["view", "site", "asset", "lang", "assets", "timezone", "words", "scope", "scopes", "day", "shift"];

  constructor(root, props, emit) {
    this.view = new (VIEWS[props.view] ?? OverviewView)(root, props, emit);
  }

  update(props) {
    this.view.update(props);
  }

  dispose() {
    this.view.dispose();
  }
}
