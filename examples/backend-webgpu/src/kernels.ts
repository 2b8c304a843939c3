// The kernels, in WGSL. One pass over the elements updates them and looks for what is not finite.
//
// A WGSL compiler may assume that there is no NaN and no infinity. So the kernels look for both in
// the bits, before any arithmetic, and no step of the arithmetic overflows.

/** Threads of a workgroup. */
export const WORKGROUP = 256;

/** What a kernel says of a tensor, as bits. */
export const NON_FINITE = 1;
export const MOVED = 2;

export const SOURCE: string = /* wgsl */ `
struct Params {
  length: u32, // elements
  place: u32,  // where found has the answer
  weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> found: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read> live: array<u32>;
@group(0) @binding(3) var<storage, read> average: array<u32>;
@group(0) @binding(4) var<storage, read_write> next: array<u32>;

fn isFinite(bits: u32) -> bool {
  return (bits & 0x7f800000) != 0x7f800000;
}

fn averaged(a: f32, p: f32, w: f32) -> f32 {
  if (max(abs(a), abs(p)) < 0x1p126f) {
    return a + w * (p - a);
  }
  // p - a may overflow. The halves do not, and rounding takes them no further than a and p.
  let x = 0.5 * a;
  let y = 0.5 * p;
  return 2.0 * clamp((1.0 - w) * x + w * y, min(x, y), max(x, y));
}

// Each thread takes every so many elements, since a dispatch has at most 65,535 workgroups.
@compute @workgroup_size(${WORKGROUP})
fn update(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var seen = 0u;
  for (var i = id.x; i < params.length; i += ${WORKGROUP} * groups.x) {
    let a = average[i];
    let p = live[i];
    if (isFinite(a) && isFinite(p)) {
      next[i] = bitcast<u32>(averaged(bitcast<f32>(a), bitcast<f32>(p), params.weight));
    } else {
      next[i] = select(p, a, isFinite(p));
      seen |= ${NON_FINITE};
    }
    // 0 and -0 are the same number.
    if (a != p && ((a | p) << 1) != 0) {
      seen |= ${MOVED};
    }
  }
  if (seen != 0) {
    atomicOr(&found[params.place], seen);
  }
}

@compute @workgroup_size(${WORKGROUP})
fn check(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var seen = 0u;
  for (var i = id.x; i < params.length; i += ${WORKGROUP} * groups.x) {
    if (!isFinite(live[i])) {
      seen = ${NON_FINITE};
    }
  }
  if (seen != 0) {
    atomicOr(&found[params.place], seen);
  }
}
`;
