// Wall mode: the pages one after the other without controls, for a screen that nobody touches. `W` begins and ends it,
// and so does the address: ?wall=SECONDS[&pages=/floor/jeonju,/alarms]. Alarms, clock and mode stay where they are.
(() => {
  const KEY = "factory-twin-wall";
  const DEFAULT_S = 20;
  const REST_S = 60;
  const kept = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY));
    } catch {
      return null;
    }
  };
  let timer = null;
  let rests_until = 0;

  function pages(wall) {
    if (wall.pages && wall.pages.length) return wall.pages;
    return [...document.querySelectorAll("#nav a")].map((link) => link.getAttribute("href")).filter((href) => !href.startsWith("/connections"));
  }
  function go(href) {
    history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }
  function next() {
    const wall = kept();
    if (!wall) return;
    const all = pages(wall);
    if (Date.now() < rests_until || all.length < 2) return;
    const here = all.findIndex((href) => new URL(href, location.origin).pathname === location.pathname);
    go(all[(here + 1) % all.length]);
  }
  function apply() {
    const wall = kept();
    document.documentElement.toggleAttribute("data-wall", Boolean(wall));
    clearInterval(timer);
    timer = wall ? setInterval(next, wall.seconds * 1000) : null;
  }
  function set(wall) {
    if (wall) sessionStorage.setItem(KEY, JSON.stringify(wall));
    else sessionStorage.removeItem(KEY);
    rests_until = 0;
    apply();
  }
  const toggle = () => set(kept() ? null : { seconds: DEFAULT_S, pages: [] });

  const url = new URL(location.href);
  if (url.searchParams.has("wall")) {
    const seconds = Number(url.searchParams.get("wall"));
    const list = (url.searchParams.get("pages") || "").split(",").filter((href) => href.startsWith("/") && !href.startsWith("//"));
    set(seconds > 0 ? { seconds: Math.max(5, seconds), pages: list } : null);
    url.searchParams.delete("wall");
    url.searchParams.delete("pages");
    history.replaceState(history.state, "", url);
  } else apply();

  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "w" || event.key === "W") toggle();
    else if (event.key === "Escape" && kept()) set(null);
    else rests_until = Date.now() + REST_S * 1000;
  });
  document.addEventListener("pointerdown", () => (rests_until = Date.now() + REST_S * 1000));
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#foot-wall")) toggle();
  });
})();
