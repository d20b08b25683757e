"""A real Chromium for measurements, through playwright (part of the extra ``test``)."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from twin.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]
"""As Chromium is on a machine without a graphics card: pages are put together by the CPU, and WebGL is drawn by it."""
SIZE = {"width": 1920, "height": 1080}
PAINT_MS = 30_000
LOOK_MS = 50
_WATCH = """(selector) => {
  const node = document.querySelector(selector);
  window.seen = [];
  const look = () => {
    const text = node.textContent.replace(/[.].*/, "").replace(/[^0-9]/g, "");
    requestAnimationFrame(() => window.seen.push([performance.timeOrigin + performance.now(), text]));
  };
  new MutationObserver(look).observe(node, { childList: true, characterData: true, subtree: true });
}"""
_PAINTED = """(selector) => {
  const behind = new MessageChannel();
  behind.port1.onmessage = () => (window.paintedAt = performance.now());
  const look = () => {
    if (document.querySelector(selector)) behind.port2.postMessage(0);
    else requestAnimationFrame(look);
  };
  look();
}"""
"""What stands when a frame begins is painted by it; the message comes right behind."""

_SEEK = """async (at) => {
  const { clock, present } = window.factoryTwin;
  const began = performance.now();
  clock.seek(at);
  const known = () => clock.player.covers(at) || clock.snapshot?.at === at;
  const there = () => known() && present.state === clock.stateNow()?.state && !present.planned;
  while (!there()) await new Promise((done) => setTimeout(done, 2));
  const behind = new MessageChannel();
  await new Promise((done) => {
    behind.port1.onmessage = done;
    requestAnimationFrame(() => behind.port2.postMessage(0));
  });
  return performance.now() - began;
}"""
_ASKING = """async ([selector, address]) => {
  let under_way = 0;
  let answered = 0;
  const ask = window.fetch;
  window.fetch = async (...given) => {
    const mine = String(given[0]).includes(address);
    if (mine) under_way++;
    try {
      const answer = await ask(...given);
      if (!mine) return answer;
      const body = await answer.arrayBuffer();
      return new Response(body, answer);
    } finally {
      if (mine) [under_way, answered] = [under_way - 1, answered + 1];
    }
  };
  const began = performance.now();
  document.querySelector(selector).click();
  while (!answered || under_way) await new Promise((done) => setTimeout(done, 2));
  const behind = new MessageChannel();
  await new Promise((done) => {
    behind.port1.onmessage = done;
    setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => behind.port2.postMessage(0))));
  });
  window.fetch = ask;
  return performance.now() - began;
}"""
_PLAY = """() => {
  const { clock } = window.factoryTwin;
  const told = { frames: 0, longest: 0, waited: 0, waits: 0, chunks: 0, failed: 0 };
  Object.assign(told, { at: clock.at_ms, began: performance.now() });
  window.played = told;
  const { add } = clock.player;
  clock.player.add = (...given) => {
    told.chunks++;
    return add.apply(clock.player, given);
  };
  const { fail } = clock;
  clock.fail = (...given) => {
    told.failed++;
    return fail.apply(clock, given);
  };
  let before = performance.now();
  let waiting = false;
  const frame = (now) => {
    told.frames++;
    told.longest = Math.max(told.longest, now - before);
    if (clock.waiting) told.waited += now - before;
    if (clock.waiting && !waiting) told.waits++;
    waiting = clock.waiting;
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  clock.play(true);
}"""
_PLAYED = """() => {
  const { clock } = window.factoryTwin;
  const { played } = window;
  clock.play(false);
  const took = performance.now() - played.began;
  return { ...played, took, passed: clock.at_ms - played.at, bytes: clock.player.bytes };
}"""


class Page:
    """One page, cold: a context of its own, without cache. Mutable as the browser's own."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable")

    def open(self, url: str, selector: str) -> float:
        """Open an address; milliseconds from the start of navigation to behind the frame in which ``selector`` stands.

        Raises SourceError where it never does.
        """
        self._page.add_init_script(f"({_PAINTED})({selector!r})")
        self._page.goto(url, wait_until="commit")
        for _ in range(PAINT_MS // LOOK_MS):
            painted_ms = self._page.evaluate("window.paintedAt ?? null")
            if painted_ms is not None:
                return float(painted_ms)
            self._page.wait_for_timeout(LOOK_MS)
        raise SourceError(f"{url}: {selector!r} was not painted within {PAINT_MS / 1000:.0f} s")

    def watch(self, selector: str) -> None:
        """Note from now on when the digits of a node change, and are painted."""
        self._page.evaluate(_WATCH, selector)

    def seen(self) -> list[tuple[float, str]]:
        """(ms since 1970, digits before the point) of what `watch` noted."""
        return [(float(at), str(text)) for at, text in self._page.evaluate("window.seen")]

    def seek(self, at_ms: float) -> float:
        """Go to an instant; milliseconds until the frame is painted that shows it."""
        return float(self._page.evaluate(_SEEK, at_ms))

    def asking(self, selector: str, address: str) -> float:
        """Click; milliseconds until what it asks of that address has come and the frame behind it is painted."""
        return float(self._page.evaluate(_ASKING, [selector, address]))

    def play(self, seconds: float) -> dict[str, Any]:
        """Play on from where the page stands, and tell how it went."""
        self._page.evaluate(_PLAY)
        self.wait(seconds)
        told = self._page.evaluate(_PLAYED)
        return {
            "fps": round(told["frames"] / told["took"] * 1000, 1),
            "longest_frame_ms": round(told["longest"]),
            "played_s": round(told["passed"] / 1000),
            "times_real_time": round(told["passed"] / told["took"], 2),
            "chunks": told["chunks"],
            "dropped_chunks": told["failed"],
            "waits": told["waits"],
            "waited_ms": round(told["waited"]),
            "memory_mb": round(told["bytes"] / 1e6, 1),
        }

    def wait(self, seconds: float) -> None:
        """Let it run."""
        self._page.wait_for_timeout(seconds * 1000)

    def busy_percent(self, seconds: float) -> tuple[float, float]:
        """Shares of the time in which its main thread is taken, and in which it works.

        Taken is also while it waits for the picture to be put together, which the CPU does where there is no
        graphics card (Chromium's TaskDuration); work is its own CPU time (ThreadTime).
        """
        before = self._metrics()
        self.wait(seconds)
        taken_s, worked_s, passed_s = (then - at for then, at in zip(self._metrics(), before, strict=True))
        return 100 * taken_s / passed_s, 100 * worked_s / passed_s

    def _metrics(self) -> tuple[float, float, float]:
        found = {one["name"]: one["value"] for one in self._devtools.send("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"]), float(found["ThreadTime"]), float(found["Timestamp"])


class Browser:
    """A running Chromium."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A page of its own, closed with the block."""
        context = self._browser.new_context(viewport=SIZE)
        try:
            yield Page(context.new_page())
        finally:
            context.close()


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless Chromium, closed with the block; raises SourceError where there is none."""
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415  an extra
    except ImportError as error:
        raise SourceError("measuring pages needs a browser: pip install factory-twin[test], and Chromium") from error
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path=found, args=FLAGS)
        except Error as error:
            raise SourceError(f"no Chromium starts here: {str(error).splitlines()[0]}") from error
        try:
            yield Browser(browser)
        finally:
            browser.close()
