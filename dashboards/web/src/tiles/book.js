// An asset's book: remarks of its people, documents and photos.
import { el } from "../dom.js";
import { bytes, date, minute } from "../format.js";
import { post, remove, upload } from "../send.js";
import { t } from "../words.js";
import { WrittenView } from "./written.js";

const EVERY_MS = 15_000;
const REPLAY_MS = 2000;
const PHOTO_PX = 2000;
const PHOTO_QUALITY = 0.85;

/** A photo no larger than a screen needs, upright, without what the camera wrote into it. */
async function smaller(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_PX / Math.max(picture.width, picture.height));
  const sheet = el("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  sheet.getContext("2d").drawImage(picture, 0, 0, sheet.width, sheet.height);
  picture.close();
  return new Promise((resolve, reject) => sheet.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t("book.no_picture")))), "image/jpeg", PHOTO_QUALITY));
}

export class BookView extends WrittenView {
  constructor(root, props, emit) {
    super(root, props, emit, "book", EVERY_MS, REPLAY_MS);
  }

  build() {
    this.text = el("textarea", { class: "rep-text", rows: "2", maxlength: "2000", placeholder: t("book.hint"), "aria-label": t("book.hint") });
    this.say = el("button", { type: "button", class: "btn s", onclick: () => this.change(this.say, () => this.write()) }, t("book.say"));
    this.file = el("input", { type: "file", accept: "image/*,application/pdf", hidden: true, onchange: () => this.change(this.attach, () => this.send()) });
    this.attach = el("button", { type: "button", class: "btn s", onclick: () => this.file.click() }, t("book.attach"));
    this.form = el("div", { class: "bk-form", hidden: true }, this.text, el("div", { class: "bk-b" }, this.say, this.attach, this.file));
    this.papers = el("ul", { class: "bk-papers" });
    this.remarks = el("ul", { class: "bk-remarks" });
    return [this.form, this.papers, this.remarks];
  }

  hear(answer) {
    this.form.hidden = !answer.may_tell;
    const key = JSON.stringify(answer);
    if (key === this.drawn) return;
    this.drawn = key;
    this.papers.replaceChildren(...answer.papers.map((one) => this.paper(one, answer.may_tell)));
    const said = answer.remarks.map((one) => el("li", null, el("p", null, one.text), el("small", { class: "mute" }, `${one.who} · ${date(one.at_ms, this.zone)} ${minute(one.at_ms, this.zone)}`)));
    this.remarks.replaceChildren(...(said.length || answer.papers.length ? said : [el("li", { class: "mute" }, t(answer.may_tell ? "book.none_say" : "book.none"))]));
  }

  paper(one, may) {
    const away = el("button", { type: "button", class: "btn s", hidden: !may, title: t("book.away", { name: one.name }), "aria-label": t("book.away", { name: one.name }), onclick: () => this.change(away, () => remove(one.href)) }, "✕");
    const seen = one.kind === "pdf" ? el("span", { class: "bk-pdf", "aria-hidden": "true" }, "PDF") : el("img", { src: one.href, alt: "", loading: "lazy" });
    return el("li", null, el("a", { href: one.href, target: "_blank", rel: "noopener" }, seen, el("span", null, el("b", null, one.name), el("small", { class: "mute" }, `${bytes(one.size)} · ${one.who} · ${date(one.at_ms, this.zone)}`))), away);
  }

  async write() {
    if (!this.text.value.trim()) return;
    await post("/view/asset/remarks", { asset: this.props.asset, text: this.text.value });
    this.text.value = "";
  }

  async send() {
    const [file] = this.file.files;
    if (!file) return;
    const blob = file.type.startsWith("image/") ? await smaller(file) : file;
    this.file.value = "";
    await upload(`/view/asset/papers?${new URLSearchParams({ asset: this.props.asset, name: file.name })}`, blob);
  }
}
