// A session that ended leads to the login page; the account's box closes as people expect.
(() => {
  const leave = () => {
    const next = location.pathname + location.search;
    location.assign(`/login?${new URLSearchParams({ next })}`);
  };
  let leaving = false;
  const asked = window.fetch.bind(window);
  window.fetch = async (...what) => {
    const answer = await asked(...what);
    if (answer.status === 401 && !leaving) {
      leaving = true;
      leave();
    }
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
