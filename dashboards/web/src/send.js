// What people write goes to the server; what it refuses is thrown in the reader's words.
import { saidOf } from "./words.js";

async function told(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(saidOf(body.error) ?? `${answer.status} ${answer.statusText}`);
  return body;
}

const with_ = (method, url, more) => fetch(url, { method, credentials: "same-origin", ...more }).then(told);

export const post = (url, body) => with_("POST", url, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
export const upload = (url, blob) => with_("POST", url, { headers: { "content-type": blob.type || "application/octet-stream" }, body: blob });
export const remove = (url) => with_("DELETE", url);
