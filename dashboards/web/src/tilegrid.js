// TileGrid is several views that share one component.
import { AssetsView } from "./tiles/assets.js";
import { BookView } from "./tiles/book.js";
import { CellView } from "./tiles/cell.js";
import { ConnectionsView } from "./tiles/connections.js";
import { FleetView } from "./tiles/fleet.js";
import { HubView } from "./tiles/hub.js";
import { JointsView } from "./tiles/joints.js";
import { LabelView } from "./tiles/label.js";
import { LineView } from "./tiles/line.js";
import { ModelsView } from "./tiles/models.js";
import { OeeView } from "./tiles/oee.js";
import { OverviewView } from "./tiles/overview.js";
import { ReportView } from "./tiles/report.js";
import { SafetyView } from "./tiles/safety.js";
import { SessionsView } from "./tiles/sessions.js";
import { UpkeepView } from "./tiles/upkeep.js";
import { SignalsView } from "./tiles/signals.js";
import { WhatifView } from "./tiles/whatif.js";

const VIEWS = {
  overview: OverviewView,
  assets: AssetsView,
  signals: SignalsView,
  connections: ConnectionsView,
  label: LabelView,
  line: LineView,
  models: ModelsView,
  joints: JointsView,
  cell: CellView,
  safety: SafetyView,
  fleet: FleetView,
  hub: HubView,
  oee: OeeView,
  report: ReportView,
  sessions: SessionsView,
  whatif: WhatifView,
  book: BookView,
  upkeep: UpkeepView,
};

export class TileGridCore {
  static rebuildOn = ["view", "site", "asset", "lang", "assets", "timezone", "flow", "words", "scope", "scopes", "day", "shift", "targets"];

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
