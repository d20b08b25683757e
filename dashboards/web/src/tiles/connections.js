// The sums that must add up, every source, what was rejected and why, and the dead letters as they came.
import { Core } from "../component.js";
import { el, setText, svg, toggle } from "../dom.js";
import { age, bytes, number, span, time } from "../format.js";
import { live } from "../live.js";
import { Poll } from "../poll.js";
import { t } from "../words.js";

const EVERY_MS = 2000;
const RAW_BYTES = 512;

const STATE_SHAPES = {
  up: () => svg("circle", { cx: 7, cy: 7, r: 4.5, class: "m-run" }),
  silent: () => svg("path", { d: "M7 12.6.6 1.6h12.8Z", class: "m-p3" }),
  down: () => svg("path", { d: "M7 1.2 13.4 12.4H.6Z", class: "m-p2" }),
};

const rejectedOf = (source) => Object.values(source.rejected ?? {}).reduce((sum, n) => sum + n, 0);
const handledOf = (source) => (typeof source.handled === "number" ? source.handled : Object.values(source.handled ?? {}).reduce((sum, n) => sum + n, 0));

export class ConnectionsView extends Core {
  constructor(root, props, emit) {
    super(root, props, emit);
    root.classList.add("ft-connections");
    this.until(() => root.classList.remove("ft-connections"));
    this.rows = new Map();
    this.letters = [];
    this.build();
    this.poll = new Poll((asOf) => this.address(asOf), (answer) => this.hear(answer), EVERY_MS, (message) => this.fail(message));
    this.until(() => this.poll.dispose());
    this.until(live.on("directory", () => this.answer && this.hear(this.answer)));
  }

  address(asOf) {
    const asked = new URLSearchParams();
    if (asOf !== null) asked.set("as_of_ms", String(Math.round(asOf)));
    for (const [name, choice] of Object.entries(this.choices)) if (choice.value) asked.set(name, choice.value);
    return `/view/connections?${asked}`;
  }

  build() {
    this.note = el("p", { class: "ft-note", role: "status", hidden: true });
    this.sums = [this.sum("messages", ["received", "decoded", "handled", "rejected"]), this.sum("frames", ["decoded_frames", "stored", "duplicate", "key_conflict"])];
    this.count = el("small");
    this.storeText = el("span", { class: "r" });
    this.sourceBody = el("tbody");
    const head = ["source", "dialect", "state", "history", "messages_per_s", "frames_per_s", "lag", "received", "stored", "duplicate", "rejected", "balance", "gap", "last"];
    const numeric = new Set(["messages_per_s", "frames_per_s", "lag", "received", "stored", "duplicate", "rejected", "gap", "last"]);
    const optional = new Set(["dialect", "history", "duplicate", "balance", "gap"]);
    this.table = el(
      "table",
      { class: "tbl ft-sources" },
      el("thead", null, el("tr", null, head.map((name) => el("th", { class: `${numeric.has(name) ? "num" : ""}${optional.has(name) ? " opt" : ""}` }, t(`connections.${name}`))))),
      this.sourceBody,
    );
    const legend = el("span", { class: "ft-legend opt" }, ["stored", "duplicate", "rejected", "gap"].map((name) => el("span", null, el("i", { class: `ft-key is-${name}` }), t(`connections.${name}`))));
    this.reasons = el("div", { class: "ft-reasons" });
    this.reasonCount = el("small");
    this.letterList = el("ul", { class: "ft-letters", role: "listbox", "aria-label": t("connections.dead_letters") });
    this.letterView = el("div", { class: "ft-raw", tabindex: "0" });
    this.letterCount = el("small");
    this.refused = el("ul", { class: "ft-refused" });
    this.newcomers = el("ul", { class: "ft-refused" });
    this.newcomerCount = el("small");
    this.clocks = el("ul", { class: "ft-refused" });
    this.clockCount = el("small");
    this.choices = { source: this.choice("connections.source"), reason: this.choice("connections.reason") };
    this.brokerText = el("small");
    this.root.replaceChildren(
      this.note,
      el("section", { class: "card ft-ledger" }, this.sums.map((sum) => sum.node)),
      el("section", { class: "card ft-source-card" }, el("header", { class: "card-h" }, el("h2", null, t("connections.sources")), this.count, el("span", { class: "r" }, legend, this.storeText)), el("div", { class: "card-b flush ft-scroll" }, this.table)),
      el(
        "div",
        { class: "ft-connections-b" },
        el(
          "div",
          { class: "ft-pair" },
          this.card("newcomers", this.newcomerCount, this.newcomers, "card-b flush ft-scroll"),
          this.card("broker", this.brokerText, this.refused, "card-b flush ft-scroll"),
        ),
        el(
          "div",
          { class: "ft-pair" },
          this.card("why_rejected", this.reasonCount, this.reasons, "card-b ft-scroll"),
          this.card("clocks", this.clockCount, this.clocks, "card-b flush ft-scroll"),
        ),
        el(
          "section",
          { class: "card" },
          el("header", { class: "card-h" }, el("h2", null, t("connections.dead_letters")), this.letterCount, el("span", { class: "r ft-choices" }, Object.values(this.choices))),
          el("div", { class: "ft-letter-b" }, this.letterList, this.letterView),
        ),
      ),
    );
  }

  card(name, count, body, className) {
    return el("section", { class: "card" }, el("header", { class: "card-h" }, el("h2", null, t(`connections.${name}`)), count), el("div", { class: className, tabindex: "0" }, body));
  }

  choice(label) {
    const made = el("select", { class: "ft-choice", "aria-label": `${t("connections.filter")}: ${t(label)}` });
    made.addEventListener("change", () => this.poll.refresh());
    return made;
  }

  /** The words to choose from; what is chosen stays, though it be gone. */
  drawChoice(name, every, words) {
    const made = this.choices[name];
    const listed = [...new Set([...words.map(([value]) => value), ...(made.value ? [made.value] : [])])];
    const key = listed.join("\n");
    if (made.dataset.drawn === key) return;
    made.dataset.drawn = key;
    const chosen = made.value;
    const text = new Map(words);
    made.replaceChildren(el("option", { value: "" }, t(every)), ...listed.map((value) => el("option", { value }, text.get(value) ?? value)));
    made.value = chosen;
  }

  sum(name, terms) {
    const numbers = terms.map((term, i) => ({ term, value: el("b", i ? null : { class: "is-total" }), label: el("span", { class: "lab" }, t(`connections.${term}`)) }));
    const verdict = el("span", { class: "ft-verdict" });
    const bar = el("div", { class: "ft-ledger-bar", "aria-hidden": "true" }, terms.slice(1).map((term) => el("i", { class: `is-${term}` })));
    const node = el(
      "div",
      { class: "ft-sum" },
      el("span", { class: "lab ft-sum-t" }, t(`connections.${name}`)),
      el("div", { class: "ft-eq" }, numbers.flatMap(({ label, value }, i) => [i ? el("i", null, i === 1 ? "=" : "+") : null, el("div", null, label, value)]), verdict),
      bar,
    );
    return { node, numbers, verdict, bar, terms };
  }

  drawSum(sum, ledger) {
    for (const { term, value } of sum.numbers) {
      setText(value, number(ledger[term]));
      toggle(value, "is-zero", ledger[term] === 0);
    }
    // what nobody has counted yet does not add up to anything
    const counted = sum.terms.every((term) => Number.isFinite(ledger[term]));
    sum.verdict.hidden = !counted;
    const [total, ...parts] = sum.terms.map((term) => ledger[term] ?? 0);
    const difference = total - parts.reduce((a, b) => a + b, 0);
    setText(sum.verdict, difference === 0 ? `✓ ${t("connections.adds_up")}` : `≠ ${t("connections.differs", { n: number(difference) })}`);
    toggle(sum.verdict, "is-wrong", difference !== 0);
    const most = Math.max(1, total);
    [...sum.bar.children].forEach((piece, i) => {
      piece.style.flexGrow = String(parts[i] / most);
      piece.hidden = !parts[i];
      piece.title = `${t(`connections.${sum.terms[i + 1]}`)} ${number(parts[i])}`;
    });
  }

  hear(answer) {
    this.answer = answer;
    for (const sum of this.sums) this.drawSum(sum, answer.ledger);
    const sources = answer.sources ?? [];
    const count = (state) => sources.filter((source) => source.state === state).length;
    setText(this.count, `${sources.length} · ${["up", "silent", "down"].filter(count).map((state) => `${t(`source.${state}`)} ${count(state)}`).join(" · ")}`);
    const store = answer.store;
    setText(this.storeText, store ? t("connections.store", { size: bytes(store.bytes), commit: store.commit_s === null || store.commit_s === undefined ? "–" : `${number(store.commit_s * 1000, 1)} ms` }) : "");
    const seen = new Set();
    for (const source of sources) {
      seen.add(source.source);
      this.drawSource(source, answer.clock_ms);
    }
    for (const [name, row] of this.rows) {
      if (seen.has(name)) continue;
      row.node.remove();
      this.rows.delete(name);
    }
    this.drawReasons(sources);
    this.drawLetters(answer.dead_letters ?? []);
    this.drawBroker(answer.broker ?? {});
    this.drawNewcomers(answer.newcomers ?? []);
    this.drawClocks(answer.clocks);
    this.drawChoice("source", "connections.all_sources", sources.map((source) => [source.source, source.source]));
    const reasons = [...new Set(sources.flatMap((source) => [...Object.keys(source.rejected ?? {}), ...(source.key_conflict ? ["key_conflict"] : [])]))].filter(Boolean).sort();
    this.drawChoice("reason", "connections.all_reasons", reasons.map((reason) => [reason, t(`reason.${reason}`, {}, reason)]));
  }

  row(name) {
    const cells = {};
    const cell = (key, className = "num") => (cells[key] = el("td", { class: className }));
    const row = { cells, mark: el("span", { class: "ft-m" }), name: el("b"), topics: el("small"), state: el("span"), detail: el("small"), spark: svg("svg", { viewBox: "0 0 120 28", preserveAspectRatio: "none", class: "ft-spark", "aria-hidden": "true" }, svg("path", { d: "M0 27.5H120", class: "base" }), svg("path", { class: "pen" })) };
    row.balance = ["stored", "duplicate", "rejected", "gap"].map((key) => el("i", { class: `is-${key}` }));
    row.node = el(
      "tr",
      null,
      el("td", null, el("div", { class: "ft-src" }, row.mark, el("span", null, row.name, row.topics))),
      cell("dialect", "opt"),
      el("td", null, el("div", { class: "ft-src-state" }, row.state, row.detail)),
      el("td", { class: "opt" }, row.spark),
      cell("messages_per_s"),
      cell("frames_per_s"),
      cell("lag"),
      cell("received"),
      cell("stored"),
      cell("duplicate", "num opt"),
      cell("rejected"),
      el("td", { class: "opt" }, el("div", { class: "ft-balance" }, row.balance)),
      cell("gap", "num opt"),
      cell("last"),
    );
    this.rows.set(name, row);
    this.sourceBody.append(row.node);
    return row;
  }

  drawSource(source, clock_ms) {
    const row = this.rows.get(source.source) ?? this.row(source.source);
    const rejected = rejectedOf(source);
    const state = STATE_SHAPES[source.state] ? source.state : "silent";
    if (row.mark.dataset.state !== state) {
      row.mark.dataset.state = state;
      row.mark.replaceChildren(svg("svg", { viewBox: "0 0 14 14", class: "ft-light", "aria-hidden": "true" }, STATE_SHAPES[state]()));
    }
    setText(row.name, source.source);
    setText(row.topics, (source.topics ?? []).join(", "));
    row.topics.title = (source.topics ?? []).join("\n");
    setText(row.state, t(`source.${state}`));
    const detail = source.detail === "SessionLost" ? t("connections.session_lost") : (source.detail ?? "");
    setText(row.detail, detail);
    row.detail.title = detail;
    toggle(row.node, "is-stale", state !== "up");
    const show = (name, value, decimals = 0) => {
      setText(row.cells[name], number(value, decimals));
      toggle(row.cells[name], "is-zero", value === 0);
    };
    setText(row.cells.dialect, source.dialect ?? "");
    show("messages_per_s", source.messages_per_s, source.messages_per_s < 10 ? 1 : 0);
    show("frames_per_s", source.frames_per_s, source.frames_per_s < 10 ? 1 : 0);
    setText(row.cells.lag, span(source.lag_s));
    for (const name of ["received", "stored", "duplicate", "gap"]) show(name, source[name]);
    show("rejected", rejected);
    toggle(row.cells.rejected, "is-odd", rejected > 0);
    row.cells.received.title = t("connections.sum_of_source", { received: number(source.received), decoded: number(source.decoded), handled: number(handledOf(source)), rejected: number(rejected) });
    setText(row.cells.last, source.last_received_ms ? age(Math.max(0, clock_ms - source.last_received_ms)) : t("age.never"));
    this.drawSpark(row.spark.lastChild, source.rate_history ?? []);
    // A small tail beside a large part: the root of each makes it visible, the numbers stand beside it.
    const amounts = [source.stored, source.duplicate, rejected, source.gap].map((n) => Math.max(0, n ?? 0));
    row.balance.forEach((piece, i) => {
      piece.style.flexGrow = String(amounts[i] ** 0.35);
      piece.hidden = !amounts[i];
    });
  }

  drawSpark(path, history) {
    const most = Math.max(1e-9, ...history);
    const d = history.map((rate, i) => `${i ? "L" : "M"}${((i / Math.max(1, history.length - 1)) * 120).toFixed(1)} ${(26 - (rate / most) * 22).toFixed(1)}`).join("");
    path.setAttribute("d", d || "M0 26");
  }

  drawReasons(sources) {
    const reasons = new Map();
    for (const source of sources) for (const [reason, n] of Object.entries(source.rejected ?? {})) reasons.set(reason, (reasons.get(reason) ?? 0) + n);
    const listed = [...reasons].filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
    const name = JSON.stringify(listed);
    if (name === this.reasonsDrawn) return;
    this.reasonsDrawn = name;
    setText(this.reasonCount, number(listed.reduce((sum, [, n]) => sum + n, 0)));
    const most = Math.max(1, ...listed.map(([, n]) => n));
    this.reasons.replaceChildren(
      ...(listed.length
        ? listed.map(([reason, n]) => {
            const fill = el("i");
            fill.style.width = `${((n / most) * 100).toFixed(1)}%`;
            return el("div", { class: "ft-reason" }, el("span", null, el("b", null, t(`reason.${reason}`, {}, reason)), el("code", null, reason)), el("span", { class: "ft-reason-bar" }, fill), el("b", { class: "num" }, number(n)));
          })
        : [el("p", { class: "ft-empty" }, t("connections.none_rejected"))]),
    );
  }

  drawLetters(letters) {
    const name = JSON.stringify(letters.map((letter) => [letter.id, letter.count]));
    this.letters = letters;
    if (name !== this.lettersDrawn) {
      this.lettersDrawn = name;
      setText(this.letterCount, letters.length ? t("connections.kept_as_received", { n: number(letters.length) }) : "");
      if (!letters.some((letter) => letter.id === this.selected)) this.selected = letters[0]?.id;
      this.letterList.replaceChildren(
        ...(letters.length
          ? letters.map((letter) => {
              const item = el(
                "li",
                { role: "option", tabindex: "0", "data-id": letter.id },
                el("time", null, time(letter.last_ms, this.zone)),
                el("b", null, letter.source),
                el("span", { class: "ft-tag" }, t(`reason.${letter.reason}`, {}, letter.reason)),
                el("small", null, letter.detail),
                letter.count > 1 ? el("small", { class: "n" }, `×${number(letter.count)}`) : null,
              );
              const pick = () => {
                this.selected = letter.id;
                this.drawLetter();
              };
              item.addEventListener("click", pick);
              item.addEventListener("keydown", (event) => {
                if (event.key !== "Enter" && event.key !== " ") return;
                event.preventDefault();
                event.stopPropagation();
                pick();
              });
              return item;
            })
          : [el("li", { class: "ft-empty" }, t("connections.no_dead_letters"))]),
      );
      this.letterDrawn = null;
    }
    this.drawLetter();
  }

  drawLetter() {
    for (const item of this.letterList.children) {
      const on = item.dataset.id !== undefined && item.dataset.id === String(this.selected);
      toggle(item, "is-selected", on);
      if (item.dataset.id !== undefined) item.setAttribute("aria-selected", on ? "true" : "false");
    }
    const letter = this.letters.find((one) => one.id === this.selected);
    const name = letter ? `${letter.id} ${letter.count}` : "";
    if (name === this.letterDrawn) return;
    this.letterDrawn = name;
    this.letterView.replaceChildren();
    if (!letter) return;
    const data = Uint8Array.from(atob(letter.payload_b64 ?? ""), (c) => c.charCodeAt(0));
    const facts = [
      [t("connections.topic"), letter.topic],
      [t("connections.reason"), `${letter.reason} · ${letter.detail}`],
      [t("connections.first"), time(letter.first_ms, this.zone, true)],
      [t("connections.last"), `${time(letter.last_ms, this.zone, true)} · ×${number(letter.count)}`],
      ["sha256", letter.sha256 ? `${letter.sha256.slice(0, 12)}…` : "–"],
    ];
    this.letterView.append(
      el("dl", { class: "ft-facts" }, facts.flatMap(([term, fact]) => [el("dt", null, term), el("dd", null, fact)])),
      el("pre", { class: "ft-hex" }, this.hex(data)),
      el("p", { class: "ft-cap" }, letter.size > data.length || data.length > RAW_BYTES ? t("connections.first_bytes", { n: number(Math.min(data.length, RAW_BYTES)), size: bytes(letter.size) }) : bytes(letter.size)),
      el("pre", { class: "ft-text" }, new TextDecoder().decode(data.subarray(0, RAW_BYTES))),
    );
  }

  /** Hex with offsets; bytes outside printable ASCII are marked in the text beside it. */
  hex(data) {
    const lines = [];
    for (let at = 0; at < Math.min(data.length, RAW_BYTES); at += 16) {
      const row = [...data.subarray(at, Math.min(at + 16, RAW_BYTES))];
      lines.push(el("span", { class: "off" }, at.toString(16).padStart(4, "0")), "  ", row.map((b) => b.toString(16).padStart(2, "0")).join(" ").padEnd(48), " ");
      let plain = "";
      for (const b of row) {
        if (b >= 32 && b < 127) plain += String.fromCharCode(b);
        else {
          if (plain) lines.push(plain);
          plain = "";
          lines.push(el("mark", null, "·"));
        }
      }
      lines.push(`${plain}\n`);
    }
    return lines;
  }

  drawNewcomers(newcomers) {
    const name = JSON.stringify(newcomers);
    if (name === this.newcomersDrawn) return;
    this.newcomersDrawn = name;
    setText(this.newcomerCount, newcomers.length ? `${number(newcomers.length)} · ${t("connections.newcomers_hint")}` : "");
    this.newcomers.replaceChildren(
      ...(newcomers.length
        ? newcomers.map((one) =>
            el(
              "li",
              null,
              svg("svg", { viewBox: "0 0 14 14", class: "ft-light", "aria-hidden": "true" }, STATE_SHAPES.silent()),
              el("div", null, el("b", null, one.asset), " ", el("span", null, one.source), el("p", { title: one.topic }, one.signals)),
              el("time", { title: t("connections.since") }, time(one.first_ms, this.zone)),
            ),
          )
        : [el("li", { class: "ft-empty" }, t("connections.no_newcomers"))]),
    );
  }

  drawClocks(clocks) {
    const name = JSON.stringify(clocks);
    if (name === this.clocksDrawn) return;
    this.clocksDrawn = name;
    setText(this.clockCount, clocks?.length ? number(clocks.length) : "");
    const skew = (s) => (Math.abs(s) < 1 ? "" : t(s < 0 ? "connections.clock_ahead" : "connections.clock_behind", { span: span(Math.abs(s)) }));
    this.clocks.replaceChildren(
      ...(clocks?.length
        ? clocks.map((one) =>
            el(
              "li",
              null,
              svg("svg", { viewBox: "0 0 14 14", class: "ft-light", "aria-hidden": "true" }, STATE_SHAPES.silent()),
              el("div", null, el("b", null, one.asset), el("p", null, one.late ? t("connections.late_frames", { n: number(one.late) }) : "")),
              el("span", { class: "num" }, skew(one.skew_s)),
            ),
          )
        : [el("li", { class: "ft-empty" }, clocks ? t("connections.clocks_fine") : "–")]),
    );
  }

  drawBroker(broker) {
    setText(this.brokerText, [broker.kind, broker.url].filter(Boolean).join(" · "));
    const refused = broker.refused ?? [];
    const name = JSON.stringify(refused) + this.lang;
    if (name === this.brokerDrawn) return;
    this.brokerDrawn = name;
    this.refused.replaceChildren(
      ...(refused.length
        ? refused.map((one) =>
            el(
              "li",
              null,
              svg("svg", { viewBox: "0 0 14 14", class: "ft-light", "aria-hidden": "true" }, STATE_SHAPES.silent()),
              el("div", null, el("b", null, one.client), " ", el("span", null, one.reason), el("p", null, one.advice?.[this.lang] ?? one.advice?.en ?? "")),
              el("time", null, time(one.t_ms, this.zone)),
            ),
          )
        : [el("li", { class: "ft-empty" }, t("connections.none_refused"))]),
    );
  }

  fail(message) {
    this.note.hidden = message === null;
    if (message !== null) setText(this.note, t("error.answer", { what: t("connections.title"), detail: message, at: new Date(live.now()).toISOString().slice(11, 19) }));
  }
}
