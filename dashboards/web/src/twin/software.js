// Whether there is a graphics card.
let software;

/** Whether the browser has no graphics card to draw with; smooth edges then cost too many frames. Asked once: it takes long. */
export function drawsInSoftware() {
  if (software !== undefined) return software;
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false;
  const about = context.getExtension("WEBGL_debug_renderer_info");
  const name = about ? String(context.getParameter(about.UNMASKED_RENDERER_WEBGL)) : "";
  context.getExtension("WEBGL_lose_context")?.loseContext();
  software = /swiftshader|llvmpipe|software|basic render/i.test(name);
  return software;
}
