// A session that ended leads to the login page; what a role may not do is said; the account's box closes as people expect.
(() => {
  const leave = () => {
    const next = location.pathname + location.search;
    location.assign(`/login?${new URLSearchParams({ next })}`);
  };
  let leaving = false;
  const SAID_MS = 8000;
  /** Say for a while that a click did nothing, and why: Dash itself tells only the console. */
  function refuse() {
    document.getElementById("refused")?.remove();
    const box = document.createElement("p");
    box.id = "refused";
    box.setAttribute("role", "alert");
    box.textContent = window.factoryTwin?.words?.["account.may_not"] ?? "403";
    document.body.append(box);
    setTimeout(() => box.remove(), SAID_MS);
  }
  const asked = window.fetch.bind(window);
  window.fetch = async (...what) => {
    const answer = await asked(...what);
    if (answer.status === 401 && !leaving) {
      leaving = true;
      leave();
    }
    if (answer.status === 403 && new URL(what[0].url ?? what[0], location.href).pathname === "/_dash-update-component") refuse();
    return answer;
  };

  // The socket is closed with its session: then one question tells whether to log in again.
  const waiting = setInterval(() => {
    const twin = window.factoryTwin;
    if (!(twin && twin.live)) return;
    clearInterval(waiting);
    let at = -Infinity;
    twin.live.on("status", () => {
      if (twin.live.connected || performance.now() - at < 2000) return;
      at = performance.now();
      window.fetch("/view/mirror").catch(() => {}); // the server is away: the header says so
    });
  }, 100);

  document.addEventListener("click", (event) => {
    const box = document.getElementById("account");
    if (box && box.open && !box.contains(event.target)) box.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const box = document.getElementById("account");
    if (event.key !== "Escape" || !box || !box.open) return;
    box.open = false;
    box.querySelector("summary").focus();
  });
})();
