// Dash finds the components under their namespace; pages and tests find the clock and the socket under factoryTwin.
import { AlarmBannerCore } from "./alarmbanner.js";
import { AlarmFiguresCore } from "./alarmfigures.js";
import { AlarmListCore } from "./alarmlist.js";
import { alarms } from "./alarms/model.js";
import { AssetAlarmsCore } from "./assetalarms.js";
import { attachClock, clock } from "./clock.js";
import { component } from "./component.js";
import { LayoutEditorCore } from "./layouteditor.js";
import { faultWord } from "./fleet/errors.js";
import { later } from "./later.js";
import { live } from "./live.js";
import { present } from "./present.js";
import { session } from "./session.js";
import { StateStripCore } from "./statestrip.js";
import { StatusBarCore } from "./statusbar.js";
import { TileGridCore } from "./tilegrid.js";
import { TrendBoardCore } from "./trendboard.js";
import { TrendStripCore } from "./trendstrip.js";
import { modules } from "once:modules";
import "regenerator-runtime/runtime.js";

window.factory_twin = {
  CompareBoard: component(later("CompareBoardCore", ["site", "lang", "timezone", "words"]), "ft-compare"),
  LayoutEditor: component(LayoutEditorCore, "ft-layout"),
  TwinView: component(later("TwinViewCore", ["site", "lang", "assets", "routes", "focus", "words"]), "ft-twin"),
  TileGrid: component(TileGridCore, "ft-tiles"),
  TrendBoard: component(TrendBoardCore, "ft-board"),
  TrendStrip: component(TrendStripCore, "ft-trend"),
  StateStrip: component(StateStripCore, "ft-strip"),
  StatusBar: component(StatusBarCore, "ft-status"),
  AlarmBanner: component(AlarmBannerCore, "ft-banner"),
  AlarmList: component(AlarmListCore, "ft-alarms"),
  AssetAlarms: component(AssetAlarmsCore, "ft-asset-alarms"),
  AlarmFigures: component(AlarmFiguresCore, "ft-figures"),
};
window.factoryTwin = Object.assign(window.factoryTwin ?? {}, { alarms, clock, faultWord, live, modules, present, session });
attachClock();
session.attach();
live.early(location.pathname);
