// Links inside the application: the page changes without a reload, the socket and the clock stay.
import { clock } from "./clock.js";

const path = (id) => id.split("/").map(encodeURIComponent).join("/");

export const assetHref = (id) => `/asset/${path(id)}`;
export const lineHref = (place) => `/line/${path(place)}`;
export const cellHref = (id) => `/cell/${path(id)}`;
/** Where an asset is looked at: an arm in its cell, anything else on its own page. */
export const closeHref = (asset) => (asset.type === "robot_arm" ? cellHref(asset.id) : assetHref(asset.id));
export const floorHref = (site) => `/floor/${path(site)}`;

export const oeeHref = (scope) => `/oee/${path(scope)}`;
export const reportHref = (site, day = "", shift = "") => [`/report/${path(site)}`, day, shift].filter(Boolean).join("/");

export function go(href) {
  const url = new URL(href, location.origin);
  if (clock.replaying) url.searchParams.set("at", new Date(clock.at_ms).toISOString());
  history.pushState({}, "", url.pathname + url.search);
  window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  window.scrollTo(0, 0);
}

/** A click handler for an anchor: plain clicks stay in the page, others are the browser's. */
export function follow(event) {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(event.currentTarget.getAttribute("href"));
}
