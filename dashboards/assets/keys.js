// The list of keys: `?` opens it, and so does the footer.
(() => {
  const KEYS = [
    ["keys.play", "Space"],
    ["keys.step", "\u2190", "\u2192"],
    ["keys.event", "Shift", "\u2190 \u2192"],
    ["keys.page", "PgUp", "PgDn"],
    ["keys.speed", "[", "]"],
    ["keys.data", ",", "."],
    ["keys.reverse", "R"],
    ["keys.loop", "I", "O", "P"],
    ["keys.gaps", "G"],
    ["keys.marks", "B"],
    ["keys.first", "Home"],
    ["keys.live", "L", "End"],
    ["keys.alarms", "A", "K"],
    ["keys.list", "\u2191", "\u2193", "Enter"],
    ["keys.swap", "X"],
    ["keys.wall", "W"],
    ["keys.help", "?"],
  ];
  const make = (tag, text) => Object.assign(document.createElement(tag), text ? { textContent: text } : {});
  let dialog = null;

  function build() {
    const t = (window.factoryTwin && window.factoryTwin.words) || {};
    dialog = make("dialog");
    dialog.className = "pg-keys";
    const title = make("h2", t["keys.title"]);
    title.id = "keys-title";
    dialog.setAttribute("aria-labelledby", title.id);
    const list = make("dl");
    for (const [word, ...keys] of KEYS) {
      const term = make("dt");
      term.append(...keys.map((key) => make("kbd", key)));
      list.append(term, make("dd", t[word]));
    }
    const close = make("button", t["keys.close"]);
    close.className = "btn";
    close.addEventListener("click", () => dialog.close());
    dialog.append(title, list, close);
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
  }
  function toggle() {
    if (!dialog) build();
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || writing) return;
    event.preventDefault();
    toggle();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#foot-keys")) toggle();
  });
})();
