// The cards of a comparison, and its answer as a file.
import { el } from "../dom.js";
import { t } from "../words.js";
import { writeAlign } from "./address.js";

export const card = (title, right, ...body) => el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, title), right), body);

/** Where the answer that is shown lies as a file: its own sides, also where one was the present. Pure. */
export function csvAddress({ a, align, site, asset }, told) {
  const query = new URLSearchParams({ a: told.a.fixed, b: told.b.fixed, align: writeAlign(align), site: a === told.a.fixed ? site : told.a.site, asset });
  return `/api/v1/compare.csv?${query}`;
}

/** A button that saves what is shown; `shown` gives what was asked for and what came. */
export function csvButton(shown) {
  const save = () => {
    const [state, told] = shown();
    const link = el("a", { href: csvAddress(state, told), download: "compare.csv", hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
  };
  return el("button", { type: "button", class: "btn", disabled: true, title: t("compare.csv"), onclick: save }, "CSV");
}
