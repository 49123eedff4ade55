import { LANES, vabs, vloadPart, vmax, vmaximum, vsplat } from './lanes';
import {
  P, PAIR, pabs, padd, pdiv, pfloor, ploadSingles, pmul, pselectGreater, psigned, psplat, pstoreSingles, psub,
} from './search/groups/doubles';
import { scratch, shareStart } from './share';

/** Values that share a scale. */
const GROUP: i32 = 32;
/** The largest number below a half. */
const BELOW_HALF: f64 = 0.49999999999999994;

/** y[n] = x on integers of −most … most times a scale per 32 values, in float64: the bits of the definition. */
export function roundToBits(x: usize, y: usize, n: i32, most: i32, ith: i32, nth: i32): void {
  const end = shareStart(n, GROUP, ith + 1, nth);
  for (let from = shareStart(n, GROUP, ith, nth); from < end; from += GROUP) {
    const count = min(GROUP, end - from);
    const start = <usize>from << 2;
    const scale = <f64>largest(x + start, count) / most;
    let i = 0;
    if (scale == 0) {
      memory.fill(y + start, 0, <usize>count << 2);
      continue;
    }
    for (; i + PAIR <= count; i += PAIR) {
      const at = start + (<usize>i << 2);
      const code = nearestCode(pdiv(ploadSingles(x + at), psplat(scale)));
      pstoreSingles(y + at, pmul(psplat(scale), code));
    }
    if (i < count) {
      const at = start + (<usize>i << 2);
      const code = nearestCode(psplat(<f64>load<f32>(x + at) / scale));
      pstoreSingles(scratch, pmul(psplat(scale), code));
      store<f32>(y + at, load<f32>(scratch));
    }
  }
}

/** Nearest integer, halves up, with the sign of x also where it is 0. */
// @ts-ignore: decorator
@inline function nearestCode(x: P): P {
  const low = pfloor(x);
  const rest = psub(x, low);
  const code = pselectGreater(rest, psplat(BELOW_HALF), padd(low, psplat(1)), low);
  return psigned(pabs(code), x);
}

function largest(x: usize, n: i32): f32 {
  let most = vsplat(0);
  for (let i = 0; i < n; i += LANES) most = vmax(most, vabs(vloadPart(x + (<usize>i << 2), n - i, 0)));
  return vmaximum(most);
}
