// Forward kinematics by standard Denavit-Hartenberg rows [a_m, alpha_rad, d_m, theta_offset_rad]. Matrices are 4×4, column-major.

export function identity() {
  return [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
}

export function multiply(p, q) {
  const r = new Array(16);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += p[k * 4 + row] * q[column * 4 + k];
      r[column * 4 + row] = sum;
    }
  }
  return r;
}

export function rotationZ(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [c, s, 0, 0, -s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
}

/** Translate along z by d, along x by a, then turn about x by alpha: what a joint's row does after its own turn. */
export function fixedPart([a, alpha, d]) {
  const [c, s] = [Math.cos(alpha), Math.sin(alpha)];
  return [1, 0, 0, 0, 0, c, s, 0, 0, -s, c, 0, a, 0, d, 1];
}

/** A pose on the floor: x, y, z in m, yaw in rad. */
export function poseMatrix({ x_m = 0, y_m = 0, z_m = 0, yaw_rad = 0 }) {
  const m = rotationZ(yaw_rad);
  m[12] = x_m;
  m[13] = y_m;
  m[14] = z_m;
  return m;
}

/**
 * The frames of a chain.
 * @param {number[][]} dh rows of the arm
 * @param {ArrayLike<number>} angles rad, one a row
 * @param {number[]} base 4×4
 * @returns {{links: number[][], tool: number[]}} each link's frame (turned by its joint, before its fixed part), and the flange
 */
export function chain(dh, angles, base = identity()) {
  let frame = base;
  const links = dh.map((row, i) => {
    const turned = multiply(frame, rotationZ((angles[i] ?? 0) + row[3]));
    frame = multiply(turned, fixedPart(row));
    return turned;
  });
  return { links, tool: frame };
}

/** How far the arm can reach, roughly, in m. */
export const reach = (dh) => dh.reduce((sum, [a, , d]) => sum + Math.hypot(a, d), 0);

/** A chain to draw when the directory does not know the model: an ordinary six-axis arm of 1.3 m. */
export const ORDINARY_ARM = [
  [0, Math.PI / 2, 0.18, 0],
  [-0.61, 0, 0, 0],
  [-0.57, 0, 0, 0],
  [0, Math.PI / 2, 0.17, 0],
  [0, -Math.PI / 2, 0.12, 0],
  [0, 0, 0.12, 0],
];

/** The way between two angles, the short way round. */
export function turn(from, to, share) {
  const difference = Math.atan2(Math.sin(to - from), Math.cos(to - from));
  return from + difference * share;
}
