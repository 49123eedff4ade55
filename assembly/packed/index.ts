export { quantizeActivations } from './activations';
import { matvec256, matvec32 } from './matvec';
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

export function matvecQ4_0(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<Q4_0>(x, w, y, rows, k, ith, nth);
}

export function matvecQ4_1(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<Q4_1>(x, w, y, rows, k, ith, nth);
}

export function matvecQ5_0(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<Q5_0>(x, w, y, rows, k, ith, nth);
}

export function matvecQ5_1(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<Q5_1>(x, w, y, rows, k, ith, nth);
}

export function matvecQ8_0(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<Q8_0>(x, w, y, rows, k, ith, nth);
}

export function matvecIQ4_NL(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<IQ4_NL>(x, w, y, rows, k, ith, nth);
}

export function matvecMXFP4(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec32<MXFP4>(x, w, y, rows, k, ith, nth);
}

export function matvecQ2_K(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<Q2_K>(x, w, y, rows, k, ith, nth);
}

export function matvecQ3_K(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<Q3_K>(x, w, y, rows, k, ith, nth);
}

export function matvecQ4_K(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<Q4_K>(x, w, y, rows, k, ith, nth);
}

export function matvecQ5_K(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<Q5_K>(x, w, y, rows, k, ith, nth);
}

export function matvecQ6_K(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<Q6_K>(x, w, y, rows, k, ith, nth);
}

export function matvecIQ4_XS(x: usize, w: usize, y: usize, rows: i32, k: i32, ith: i32, nth: i32): void {
  matvec256<IQ4_XS>(x, w, y, rows, k, ith, nth);
}
