// The second script: all that draws with three.js. What it shares with the first it takes from there (see build.mjs).
import { CompareBoardCore } from "./compareboard.js";
import { TwinViewCore } from "./twinview.js";

window.factoryTwin.scene = { CompareBoardCore, TwinViewCore };
