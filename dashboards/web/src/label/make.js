// An episode made by hand: of an alarm, or of the span that a replay loops.
import { go } from "../navigate.js";
import { post } from "../send.js";

/** Keep the span as an episode of the asset and open it for labelling; throws what the server refuses. */
export async function makeEpisode(asset, from_ms, to_ms) {
  const made = await post("/view/episodes", { asset, from: String(Math.round(from_ms)), to: String(Math.round(to_ms)) });
  go(`/label?episode=${encodeURIComponent(made.id)}`);
}
