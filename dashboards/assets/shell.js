// What the frame does by itself: language and theme, the footer's sums, lists of events.
(() => {
  const words = () => (window.factoryTwin && window.factoryTwin.words) || {};
  const fill = (text, values) => (text || "").replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));
  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const setText = (node, text) => {
    if (node && node.textContent !== text) node.textContent = text;
  };
  const zone = () => {
    const live = window.factoryTwin.live;
    const asset = location.pathname.match(/^\/(?:floor|asset)\/([^/]+)/);
    const site = asset && live.directory.sites.get(decodeURIComponent(asset[1]));
    return (site || live.directory.sites.values().next().value || { timezone: "UTC" }).timezone;
  };
  const clockTime = (ms) => new Intl.DateTimeFormat("en-GB", { timeZone: zone(), hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);

  // ---- language and theme
  async function settle(name, value) {
    await fetch("/settings", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams({ [name]: value }) });
  }
  function withoutQuery(...names) {
    const url = new URL(location.href);
    for (const name of names) url.searchParams.delete(name);
    return url;
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest("[data-set]");
    if (!button) return;
    if (button.dataset.set === "theme") {
      const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      document.querySelector('meta[name="color-scheme"]').content = theme;
      history.replaceState(history.state, "", withoutQuery("theme"));
      await settle("theme", theme);
    } else if (button.dataset.value !== document.documentElement.lang) {
      await settle("lang", button.dataset.value);
      const url = withoutQuery("lang");
      if (url.href === location.href) location.reload();
      else location.replace(url);
    }
  });

  // ---- footer
  function size(bytes) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let i = 0;
    for (; bytes >= 1000 && i < units.length - 1; i++) bytes /= 1000;
    return `${bytes.toFixed(i > 1 ? 1 : 0)} ${units[i]}`;
  }
  function drawLedger(status) {
    const ledger = status && status.ledger;
    if (!ledger) return;
    for (const node of document.querySelectorAll("[data-ledger]")) setText(node, whole.format(ledger[node.dataset.ledger] || 0));
    const verdict = document.getElementById("foot-verdict");
    if (!verdict) return;
    const messages = ledger.received - ledger.decoded - ledger.handled - ledger.rejected;
    const frames = ledger.decoded_frames - ledger.stored - ledger.duplicate - ledger.key_conflict;
    const difference = Math.abs(messages) + Math.abs(frames);
    setText(verdict, difference ? fill(verdict.dataset.no, { n: whole.format(difference) }) : verdict.dataset.yes);
    verdict.classList.toggle("is-wrong", difference !== 0);
  }
  // ---- what every page must say
  const NOTICES = { store_replaced: "notice.store_replaced", store_salvaged: "notice.store_salvaged", room_low: "notice.room_low", room_critical: "notice.room_critical", identity_clash: "notice.identity_clash" };
  function drawNotices(status) {
    const box = document.getElementById("notices");
    if (!box || !status || !status.notices) return;
    const t = words();
    const text = JSON.stringify(status.notices);
    if (box.dataset.text === text) return;
    box.dataset.text = text;
    box.replaceChildren(
      ...status.notices.map((notice) => {
        const line = document.createElement("p");
        line.dataset.level = notice.level;
        const values = { ...notice };
        for (const name of ["frames", "lost", "free_mb"]) if (typeof values[name] === "number") values[name] = whole.format(values[name]);
        if (values.t_ms) values.time = `${new Intl.DateTimeFormat("sv-SE", { timeZone: zone() }).format(values.t_ms)} ${clockTime(values.t_ms)}`;
        line.textContent = fill(t[NOTICES[notice.kind]] || notice.kind, values);
        if (notice.hours !== null && notice.hours !== undefined) line.textContent += ` ${fill(t["notice.room_hours"], values)}`;
        return line;
      }),
    );
  }
  async function drawMirror() {
    const mirror = document.getElementById("foot-mirror");
    const store = document.getElementById("foot-store");
    if (!mirror || document.hidden) return;
    try {
      const response = await fetch("/view/mirror");
      if (!response.ok) return;
      const found = await response.json();
      setText(mirror, found.sha256 ? fill(mirror.dataset.text, { hash: `${found.sha256.slice(0, 6)}…${found.sha256.slice(-4)}`, time: clockTime(found.t_ms) }) : mirror.dataset.none);
      setText(store, fill(store.dataset.text, { size: size(found.bytes) }));
    } catch {
      // The header says that the server is away.
    }
  }

  // ---- links of ours stay in the page, so that socket and clock live on
  function follow(event) {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState({}, "", event.currentTarget.href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  // ---- events
  const KINDS = { AssetLost: "events.lost", AssetReturned: "events.returned", AssetAppeared: "events.appeared", IdentityClash: "events.identity_clash", SourceConnected: "events.source_connected", SourceLost: "events.source_lost", SessionLost: "events.session_lost", StoreReplaced: "events.store_replaced", OrderChanged: "events.order_changed", ActionChanged: "events.action_changed", ErrorRaised: "events.error_raised", ErrorCleared: "events.error_cleared" };
  const LOOKS = { AssetLost: "lost", SourceLost: "lost", SessionLost: "lost", StoreReplaced: "lost", IdentityClash: "lost", AssetReturned: "run", SourceConnected: "run", AssetAppeared: "run", ErrorRaised: "fault", ErrorCleared: "run" };
  const FAULTS = new Set(["Aborted", "Aborting"]);
  const HOLDS = new Set(["Held", "Holding"]);
  const RUNS = new Set(["Execute", "Starting", "Completing", "Unholding", "Unsuspending"]);
  const asked = new WeakMap();

  function row(event) {
    const t = words();
    const li = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = clockTime(event.t_ms);
    time.dateTime = new Date(event.t_ms).toISOString();
    const mark = document.createElement("i");
    mark.className = "pg-mark";
    mark.dataset.look = LOOKS[event.kind] || (FAULTS.has(event.after) ? "fault" : HOLDS.has(event.after) ? "held" : RUNS.has(event.after) ? "run" : "wait");
    const who = document.createElement("a");
    who.textContent = event.asset.split("/").pop();
    const source = event.asset.startsWith("twin/");
    who.href = source ? "/connections" : `/asset/${event.asset.split("/").map(encodeURIComponent).join("/")}`;
    who.title = event.asset;
    who.addEventListener("click", follow);
    const what = document.createElement("span");
    if (event.kind === "StateChanged") {
      const name = (state) => (state ? t[`state.${state}`] || t[`word.${state}`] || state : "–");
      what.textContent = `${name(event.before)} → ${name(event.after)}`;
    } else {
      what.textContent = t[KINDS[event.kind]] || event.kind;
      if (event.kind === "ActionChanged" || event.kind === "OrderChanged") what.textContent += `: ${event.before || "–"} → ${event.after || "–"}`;
      if (event.kind.startsWith("Error")) what.textContent += `: ${window.factoryTwin.faultWord(event.signal)}`, what.title = event.after || event.before;
    }
    const seek = document.createElement("button");
    seek.type = "button";
    seek.className = "pg-seek";
    seek.append(time);
    seek.addEventListener("click", () => window.factoryTwin.clock.seek(event.t_ms));
    li.append(seek, mark, who, what);
    return li;
  }
  async function drawEvents(box, moment) {
    const before = asked.get(box);
    if (before && before.busy) return;
    if (before && before.moment === moment && performance.now() - before.at < (moment === null ? 2000 : 600000)) return;
    if (before && moment !== null && performance.now() - before.at < 500) return;
    const now = { busy: true, at: performance.now(), moment, text: before && before.text };
    asked.set(box, now);
    const list = box.querySelector(".pg-event-list");
    const say = (text) => {
      const li = document.createElement("li");
      li.className = "pg-empty";
      li.textContent = text;
      list.replaceChildren(li);
    };
    try {
      const query = new URLSearchParams({ limit: box.dataset.limit });
      if (box.dataset.notable) query.set("notable", "1");
      if (box.dataset.events !== "*") query.set("asset", box.dataset.events);
      if (moment !== null) query.set("as_of_ms", String(Math.round(moment)));
      const response = await fetch(`/view/events?${query}`);
      if (!response.ok) throw new Error(String(response.status));
      const text = await response.text();
      if (text !== now.text) {
        now.text = text;
        const events = JSON.parse(text).events;
        if (events.length) list.replaceChildren(...events.map(row));
        else say(box.dataset.none);
      }
    } catch {
      now.text = null;
      say(words()["events.failed"] || "");
    }
    now.busy = false;
  }

  function begin() {
    const { live, clock } = window.factoryTwin;
    live.on("status", (status) => {
      drawLedger(status);
      drawNotices(status);
    });
    setInterval(drawMirror, 15000);
    let mirrored = false;
    setInterval(() => {
      drawLedger(live.status);
      drawNotices(live.status);
      if (!mirrored && document.getElementById("foot-mirror") && live.directory.sites.size) {
        mirrored = true;
        drawMirror();
      }
      if (document.hidden || !live.directory.sites.size) return;
      for (const box of document.querySelectorAll("[data-events]")) drawEvents(box, clock.replaying ? clock.at_ms : null);
    }, 400);
  }
  const waiting = setInterval(() => {
    if (!(window.factoryTwin && window.factoryTwin.live)) return;
    clearInterval(waiting);
    begin();
  }, 50);
})();
