import { timesSize } from '../../kernels/program.ts';
import type { Op } from '../types.ts';
import { matrixOf, numberOf, requireWidth, shareOf } from './checks.ts';
import { einsumOf, reshaped, shapeIn } from './primitives/algebra.ts';

/*
 * Products with a matrix of every head's own are products of experts of which every token gets all: headRows →
 * groupedLinear → headColumns. So such matrices are measured, priced and rounded head by head.
 */

/**
 * Columns of heads as rows of heads: x [tokens, heads·n] → rows [heads·tokens, n], head after head; the slot (token·heads +
 * head) of every row; and where each head's rows begin, [heads + 1]. `heads` is an attribute.
 */
export const headRows: Op = {
  name: 'headRows',
  infer: ([x], attributes) => {
    const { rows, width } = matrixOf('headRows', x);
    const heads = numberOf(attributes, 'heads');
    requireWidth('headRows', 'input', width, Math.floor(width / heads) * heads);
    const slots = timesSize(rows, heads);
    return [
      { type: 'f32', shape: [slots, width / heads] },
      { type: 'i32', shape: [slots] },
      { type: 'i32', shape: [heads + 1] },
    ];
  },
  lower: ({ inputs: [x], outputs: [rows, slots, offsets], attributes }) => [
    { kernel: 'headRows', operands: [x!, rows, slots, offsets], sizes: {}, attributes },
  ],
  expand: ({ inputs: [x], attributes }, build) => {
    const [[tokens, width], heads] = [shapeIn(build, x!), numberOf(attributes, 'heads')];
    const identity = build.constant({ kind: 'band', before: 0, after: 0 }, [heads, heads]);
    const own = einsumOf(build, 'hg->thg', [identity], { sizes: { t: tokens } });
    const ids = build.node('topK', [reshaped(build, own, [tokens * heads, heads])], { k: 1 });
    const [slots, offsets] = build.nodes('dispatch', [ids], { experts: heads });
    const rows = reshaped(build, x!, [tokens * heads, width / heads]);
    return [build.node('gather', [slots, rows]), slots, offsets];
  },
  vjp: ({ attributes }, [dRows], build) => [
    dRows === undefined ? null : (addend) => shareOf(build, build.node('headColumns', [dRows], attributes))(addend),
  ],
};

/** Rows of heads as columns of heads, [heads·tokens, n] → [tokens, heads·n]: what `headRows` took apart. */
export const headColumns: Op = {
  name: 'headColumns',
  infer: ([rows], attributes) => {
    const { rows: slots, width } = matrixOf('headColumns', rows);
    const heads = numberOf(attributes, 'heads');
    return [{ type: 'f32', shape: [timesSize(slots, 1, heads), width * heads] }];
  },
  lower: ({ inputs: [rows], outputs: [y], attributes }, lowering) => [
    {
      kernel: 'headColumns',
      operands: [rows!, y],
      sizes: { n: matrixOf('headColumns', lowering.typeOf(rows!)).width },
      attributes,
    },
  ],
  expand: ({ inputs: [rows], attributes }, build) => {
    const [[slots, n], heads] = [shapeIn(build, rows!), numberOf(attributes, 'heads')];
    const apart = reshaped(build, rows!, [heads, slots / heads, n]);
    return [reshaped(build, einsumOf(build, 'htn->thn', [apart]), [slots / heads, heads * n])];
  },
  vjp: ({ attributes }, [dy], build) => [
    (addend) => shareOf(build, build.nodes('headRows', [dy!], attributes)[0])(addend),
  ],
};
