import type { CaseOf, Dimensions, Draw, OpCase } from './cases.ts';

const subscripts = ['ab,cb->ac', 'ab->', 'ab,ab->ba', 'a,b->ab', 'ab->cab', 'abc,b,ca->b', 'ab,ac->abc', ',ab->b'];

/** Products of every kind, at sizes that stay small enough for all of their letters. */
function einsumCase({ a, b, c, index }: Dimensions, draw: Draw): OpCase {
  const chosen = subscripts[index % subscripts.length];
  const sizes: Readonly<Record<string, number>> = { a, b, c: Math.min(c, 5) };
  const shapes = chosen.slice(0, chosen.indexOf('-')).split(',');
  return {
    inputs: shapes.map((word) => draw.rows(...[...word].map((letter) => sizes[letter]))),
    attributes: {
      subscripts: chosen,
      ...(index % 2 === 0 ? {} : { factor: 0.4 }),
      ...(chosen === 'ab->cab' ? { sizes: { c: sizes.c } } : {}),
    },
  };
}

/** A part with gaps in a whole with something around it. */
function partCase({ a, b, index }: Dimensions, draw: Draw, from: 'whole' | 'part'): OpCase {
  const sizes = [a, b, draw.pick(1, 2, 3)];
  const steps = sizes.map(() => draw.pick(1, 2, 3));
  const starts = sizes.map(() => (index % 3 === 0 ? 0 : draw.pick(0, 1, 2)));
  const shape = sizes.map((size, axis) => starts[axis] + size * steps[axis] + draw.pick(0, 1));
  if (from === 'whole') return { inputs: [draw.rows(...shape)], attributes: { starts, steps, sizes } };
  return { inputs: [draw.rows(...sizes)], attributes: { starts, steps, shape } };
}

/** Rows, in every third case with two equal ones that are the largest. */
function maximumCase({ a, b, index }: Dimensions, draw: Draw): OpCase {
  const n = Math.max(1, b);
  const x = index % 2 === 0 ? draw.rows(a, n) : draw.rows(2, Math.min(a, 5), n);
  if (index % 3 === 0 && n > 1) for (let end = n; end <= x.values.length; end += n) x.values.fill(9, end - 2, end);
  return { inputs: [x] };
}

const any: CaseOf = ({ a, b, c, index }, draw) => ({
  inputs: [index % 2 === 0 ? draw.rows(a, b) : draw.rows(a, Math.min(b, 5), Math.min(c, 3))],
});

export const primitiveCases: Readonly<Record<string, CaseOf>> = {
  einsum: einsumCase,
  where: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b), draw.rows(a, b), draw.rows(a, b)] }),
  maximum: maximumCase,
  topK: ({ a, b }, draw) => {
    const n = Math.max(1, b);
    return { inputs: [draw.rows(a, n)], attributes: { k: Math.min(n, draw.pick(1, 2, 4)) } };
  },
  exp: any,
  log: ({ a, b }, draw) => ({ inputs: [draw.positive(a, b)] }),
  power: ({ a, b, index }, draw) => ({
    inputs: [draw.positive(a, b)],
    attributes: { exponent: [-1, -0.5, 0.5, 2, 3][index % 5] },
  }),
  tanh: any,
  erf: any,
  round: any,
  gather: ({ a, b, c, index }, draw) => {
    const ids = draw.ids(a, Math.max(1, c));
    const rows = [Math.max(1, c), ...(index % 2 === 0 ? [b] : [b, 2])];
    return { inputs: [index % 3 === 0 ? { ...ids, shape: [a, 1] } : ids, draw.rows(...rows)] };
  },
  scatterAdd: ({ a, b, c, index }, draw) => ({
    inputs: [draw.ids(a, Math.max(1, c)), draw.rows(a, ...(index % 2 === 0 ? [b] : [b, 2]))],
    attributes: { rows: Math.max(1, c) },
  }),
  reshape: ({ a, b }, draw) => ({ inputs: [draw.rows(a, b, 2)], attributes: { shape: [2 * b, a] } }),
  slice: (sizes, draw) => partCase(sizes, draw, 'whole'),
  place: (sizes, draw) => partCase(sizes, draw, 'part'),
};
