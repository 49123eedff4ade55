/*
 * y[m, rows] = x[m, k] · Wᵀ straight from the blocks of W [rows, k / values], one kernel per format, named after it. For
 * F32, F16 and BF16 x is float32; for the others `packed…` takes what `round…` of the same format made of x[m, k].
 */
import { IQ4_NL } from './formats/iq4_nl';
import { IQ4_XS } from './formats/iq4_xs';
import { MXFP4 } from './formats/mxfp4';
import { Q2_K } from './formats/q2_k';
import { Q3_K } from './formats/q3_k';
import { Q4_0 } from './formats/q4_0';
import { Q4_1 } from './formats/q4_1';
import { Q4_K } from './formats/q4_k';
import { Q5_0 } from './formats/q5_0';
import { Q5_1 } from './formats/q5_1';
import { Q5_K } from './formats/q5_k';
import { Q6_K } from './formats/q6_k';
import { Q8_0 } from './formats/q8_0';
import { BF16, F16, F32, matmulFloats } from './floats';
import { roundActivations } from './activations';
import { matmulPanels, split } from './matmul';
import { matvec256, matvec32 } from './matvec';
import { matmulScalar } from './scalar';


// @ts-ignore: decorator
@inline function multiply32<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  if (ASC_FEATURE_SIMD) {
    if (m == 1) matvec32<F>(x, w, y, rows, k, ith, nth);
    else matmulPanels<F>(x, w, y, m, rows, k, ith, nth);
  } else {
    matmulScalar<F>(x, w, y, m, rows, k, ith, nth);
  }
}

// @ts-ignore: decorator
@inline function round<F>(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  const format = changetype<F>(0);
  roundActivations(x, to, m, k, format.sub(), format.zero(), split<F>(), ith, nth);
}

// @ts-ignore: decorator
@inline function multiply256<F>(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  if (ASC_FEATURE_SIMD) {
    if (m == 1) matvec256<F>(x, w, y, rows, k, ith, nth);
    else matmulPanels<F>(x, w, y, m, rows, k, ith, nth);
  } else {
    matmulScalar<F>(x, w, y, m, rows, k, ith, nth);
  }
}

export function packedF32(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<F32>(x, w, y, m, rows, k, ith, nth);
}

export function packedF16(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<F16>(x, w, y, m, rows, k, ith, nth);
}

export function packedBF16(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  matmulFloats<BF16>(x, w, y, m, rows, k, ith, nth);
}

export function roundIQ4_NL(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<IQ4_NL>(x, to, m, k, ith, nth);
}
export function packedIQ4_NL(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<IQ4_NL>(x, w, y, m, rows, k, ith, nth);
}

export function roundMXFP4(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<MXFP4>(x, to, m, k, ith, nth);
}
export function packedMXFP4(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<MXFP4>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ4_0(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q4_0>(x, to, m, k, ith, nth);
}
export function packedQ4_0(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<Q4_0>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ4_1(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q4_1>(x, to, m, k, ith, nth);
}
export function packedQ4_1(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<Q4_1>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ5_0(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q5_0>(x, to, m, k, ith, nth);
}
export function packedQ5_0(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<Q5_0>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ5_1(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q5_1>(x, to, m, k, ith, nth);
}
export function packedQ5_1(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<Q5_1>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ8_0(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q8_0>(x, to, m, k, ith, nth);
}
export function packedQ8_0(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply32<Q8_0>(x, w, y, m, rows, k, ith, nth);
}

export function roundIQ4_XS(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<IQ4_XS>(x, to, m, k, ith, nth);
}
export function packedIQ4_XS(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<IQ4_XS>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ2_K(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q2_K>(x, to, m, k, ith, nth);
}
export function packedQ2_K(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<Q2_K>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ3_K(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q3_K>(x, to, m, k, ith, nth);
}
export function packedQ3_K(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<Q3_K>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ4_K(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q4_K>(x, to, m, k, ith, nth);
}
export function packedQ4_K(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<Q4_K>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ5_K(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q5_K>(x, to, m, k, ith, nth);
}
export function packedQ5_K(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<Q5_K>(x, w, y, m, rows, k, ith, nth);
}

export function roundQ6_K(x: usize, to: usize, m: i32, k: i32, ith: i32, nth: i32): void {
  round<Q6_K>(x, to, m, k, ith, nth);
}
export function packedQ6_K(x: usize, w: usize, y: usize, m: i32, rows: i32, k: i32, ith: i32, nth: i32): void {
  multiply256<Q6_K>(x, w, y, m, rows, k, ith, nth);
}
