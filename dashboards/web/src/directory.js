// The directory as the components look things up: sites, assets, streams, signals, roles.

/** @returns {{sites: Map, assets: Map, streams: Map, signals: Map, liveness: Map, types: object, armModels: object}} */
export function indexDirectory(message) {
  const directory = {
    sites: new Map((message?.sites ?? []).map((site) => [site.id, site])),
    assets: new Map((message?.assets ?? []).map((asset) => [asset.id, { ...asset, pose: poseOf(asset.pose), streams: [], roles: new Map() }])),
    streams: new Map(),
    signals: new Map(),
    liveness: new Map(),
    types: message?.types ?? {},
    armModels: message?.arm_models ?? {},
    empty: !message,
  };
  for (const stream of message?.streams ?? []) {
    directory.streams.set(stream.key, stream);
    const asset = directory.assets.get(stream.asset);
    asset?.streams.push(stream);
    if (stream.columns.length === 1 && stream.columns[0].role === "online") directory.liveness.set(stream.asset, stream);
    const add = (column, at, isText) => {
      const signal = { id: `${stream.asset}:${column.name}`, asset: stream.asset, stream, column, at, isText };
      directory.signals.set(signal.id, signal);
      const role = `${column.role}#${column.index ?? 0}`;
      if (asset && column.role && !asset.roles.has(role)) asset.roles.set(role, signal);
    };
    stream.columns.forEach((column, at) => add(column, at, false));
    stream.texts.forEach((column, at) => add(column, at, true));
  }
  return directory;
}

/** The wire says [x_m, y_m, z_m, yaw_rad]. */
function poseOf([x_m = 0, y_m = 0, z_m = 0, yaw_rad = 0] = []) {
  return { x_m, y_m, z_m, yaw_rad };
}

export const named = (one, lang) => one?.name?.[lang] || one?.name?.en || one?.id || "";
export const labelled = (column, lang) => column.label?.[lang] || column.label?.en || column.source_name || column.name;

/** The assets of a site ("*" or nothing = all), by place and name. */
export function assetsOf(directory, site) {
  const listed = [...directory.assets.values()].filter((asset) => !site || site === "*" || asset.site === site);
  return listed.sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
}

// What stands for an asset in one line, by type; else the first bounded gauge.
const KEY_ROLES = {
  robot_arm: ["power", "cycle_time"],
  mobile_robot: ["battery"],
  machine_tool: ["load"],
  conveyor: ["speed"],
  buffer: ["level"],
  energy_meter: ["power"],
};

/** The signal that says most about an asset in one figure, or null. */
export function keySignal(asset) {
  for (const role of KEY_ROLES[asset.type] ?? []) {
    const signal = asset.roles.get(`${role}#0`);
    if (signal && !signal.isText) return signal;
  }
  for (const stream of asset.streams) {
    const at = stream.columns.findIndex((column) => column.kind === "gauge" && (column.high !== null || column.low !== null));
    if (at >= 0) return { id: `${asset.id}:${stream.columns[at].name}`, asset: asset.id, stream, column: stream.columns[at], at, isText: false };
  }
  return null;
}
