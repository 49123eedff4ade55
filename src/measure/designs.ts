/**
 * Balanced incomplete blocks over a prime number v of units: the m cosets of f-th powers, {x^i, x^(i+m), …}, x a
 * primitive root and v = m·f + 1, are a difference family; shifted by 0 … v − 1 they hold every unit m·f times and every
 * pair of units f − 1 times.
 * @param units at least 3; where v is larger, the units beyond are left out of their blocks, and pairs stay balanced
 * @param blockSize wanted units in a block; the nearest divisor of v − 1 is taken
 * @see Sprott, Note on balanced incomplete block designs (1954), series A
 */
export function balancedBlocks(units: number, blockSize: number): { blocks: number[][]; pairs: number; each: number } {
  const v = nextPrime(units);
  const divisors = Array.from({ length: v - 2 }, (_, i) => i + 2).filter((f) => f < v - 1 && (v - 1) % f === 0);
  const f = divisors.reduce(
    (a, b) => (Math.abs(b - blockSize) < Math.abs(a - blockSize) ? b : a),
    divisors[0] ?? v - 1,
  );
  const m = (v - 1) / f;
  const root = primitiveRoot(v);
  const blocks: number[][] = [];
  for (let i = 0; i < m; i++) {
    const coset = Array.from({ length: f }, (_, j) => power(root, i + j * m, v));
    for (let shift = 0; shift < v; shift++)
      blocks.push(coset.map((unit) => (unit + shift) % v).filter((unit) => unit < units));
  }
  return { blocks, pairs: f - 1, each: m * f };
}

function nextPrime(from: number): number {
  for (let v = Math.max(3, from); ; v++) {
    let prime = true;
    for (let d = 2; d * d <= v; d++) prime &&= v % d !== 0;
    if (prime) return v;
  }
}

function power(base: number, exponent: number, modulus: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value = (value * base) % modulus;
  return value;
}

function primitiveRoot(v: number): number {
  for (let root = 2; ; root++) {
    const seen = new Set(Array.from({ length: v - 1 }, (_, i) => power(root, i, v)));
    if (seen.size === v - 1) return root;
  }
}
