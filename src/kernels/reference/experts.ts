import type { ExpertKernels } from '../contract/experts.ts';
import type { PackedMatrix } from '../contract.ts';
import { matmulKernels } from './matmul.ts';
import { packedKernels } from './packed.ts';

/** exp(logit − highest) of one token's logits. */
function exponentials(logits: Float32Array, experts: number, token: number): Float64Array {
  const row = Float64Array.from(logits.subarray(token * experts, (token + 1) * experts));
  const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return row.map((logit) => Math.exp(logit - highest));
}

const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

/** Indexes of the k largest, largest first. */
function largest(row: Float32Array, k: number): number[] {
  const rank = (i: number) => (Number.isNaN(row[i]) ? -Infinity : row[i]);
  const before = (i: number, j: number) => (rank(i) === rank(j) ? i - j : rank(i) > rank(j) ? -1 : 1);
  return Array.from(row, (_, i) => i)
    .sort(before)
    .slice(0, k);
}

/** Calls with every expert's run of rows. */
function forEachRun(offsets: Int32Array, visit: (expert: number, from: number, to: number) => void): void {
  for (let e = 0; e < offsets.length - 1; e++) if (offsets[e + 1] > offsets[e]) visit(e, offsets[e], offsets[e + 1]);
}

/** Place of every slot. */
function invert(order: Int32Array): Int32Array {
  const places = new Int32Array(order.length);
  order.forEach((slot, place) => {
    places[slot] = place;
  });
  return places;
}

type RouteKernels = Pick<ExpertKernels, 'route' | 'routeBackward' | 'groupByExpert'>;

const routeKernels: RouteKernels = {
  route: (logits, experts, k, normalize, ids, weights) => {
    for (let token = 0; token < logits.length / experts; token++) {
      const e = exponentials(logits, experts, token);
      const chosen = largest(logits.subarray(token * experts, (token + 1) * experts), k);
      const sum = normalize ? chosen.reduce((part, id) => part + e[id], 0) : total(e);
      chosen.forEach((id, j) => {
        ids[token * k + j] = id;
        weights[token * k + j] = e[id] / sum;
      });
    }
  },

  // The softmax's Jacobian, over all experts or over the chosen ones.
  routeBackward: (logits, ids, experts, k, normalize, dWeights, dLogits) => {
    for (let token = 0; token < logits.length / experts; token++) {
      const e = exponentials(logits, experts, token);
      const chosen = ids.subarray(token * k, (token + 1) * k);
      const among = normalize ? e.map((value, i) => (chosen.includes(i) ? value : 0)) : e;
      const p = among.map((value) => value / total(among));
      const d = new Float64Array(experts);
      chosen.forEach((id, j) => {
        d[id] = dWeights[token * k + j];
      });
      const mean = chosen.reduce((sum, id) => sum + p[id] * d[id], 0);
      dLogits.set(
        p.map((value, i) => (normalize && !chosen.includes(i) ? 0 : value * (d[i] - mean))),
        token * experts,
      );
    }
  },

  groupByExpert: (ids, experts, order, offsets) => {
    let place = 0;
    for (let e = 0; e < experts; e++) {
      offsets[e] = place;
      ids.forEach((id, slot) => {
        if (id === e) order[place++] = slot;
      });
    }
    offsets[experts] = place;
    ids.forEach((id, slot) => {
      if (id === experts) order[place++] = slot;
    });
  },
};

type SlotKernels = Pick<ExpertKernels, 'gatherSlots' | 'gatherSlotsBackward' | 'combine' | 'combineBackward'>;

const slotKernels: SlotKernels = {
  gatherSlots: (x, order, k, y, columns) => {
    order.forEach((slot, i) => {
      for (let c = 0; c < columns; c++) y[i * columns + c] = x[Math.floor(slot / k) * columns + c];
    });
  },

  gatherSlotsBackward: (dy, order, k, dx, columns) => {
    const places = invert(order);
    for (let token = 0; token < order.length / k; token++) {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let j = 0; j < k; j++) sum += dy[places[token * k + j] * columns + c];
        dx[token * columns + c] = sum;
      }
    }
  },

  combine: (y, order, weights, out, k, columns) => {
    const places = invert(order);
    for (let token = 0; token < order.length / k; token++) {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let j = 0; j < k; j++) sum += weights[token * k + j] * y[places[token * k + j] * columns + c];
        out[token * columns + c] = sum;
      }
    }
  },

  combineBackward: (y, order, weights, dOut, dY, dWeights, k, columns) => {
    order.forEach((slot, i) => {
      const token = Math.floor(slot / k);
      let sum = 0;
      for (let c = 0; c < columns; c++) {
        dY[i * columns + c] = weights[slot] * dOut[token * columns + c];
        sum += y[i * columns + c] * dOut[token * columns + c];
      }
      dWeights[slot] = sum;
    });
  },
};

type ProductKernels = Pick<ExpertKernels, 'groupedMatmulNT' | 'groupedMatmulNN' | 'groupedPacked'>;

/** Each run by the product of its own. */
function grouped(product: 'matmulNT' | 'matmulNN'): ProductKernels['groupedMatmulNT'] {
  return (x, w, offsets, y, n, k) => {
    y.fill(0);
    forEachRun(offsets, (e, from, to) => {
      const rows = [x.subarray(from * k, to * k), w.subarray(e * n * k, (e + 1) * n * k), y.subarray(from * n, to * n)];
      matmulKernels[product](rows[0], rows[1], rows[2], to - from, n, k);
    });
  };
}

const productKernels: ProductKernels = {
  groupedMatmulNT: grouped('matmulNT'),
  groupedMatmulNN: grouped('matmulNN'),
  groupedPacked: (x, w, offsets, y) => {
    y.fill(0);
    forEachRun(offsets, (e, from, to) => {
      const experts = offsets.length - 1;
      const rows = w.rows / experts;
      const bytes = w.blocks.length / experts;
      const own: PackedMatrix = { ...w, rows, blocks: w.blocks.subarray(e * bytes, (e + 1) * bytes) };
      const seen = x.subarray(from * w.columns, to * w.columns);
      packedKernels.matmulPacked(seen, own, y.subarray(from * rows, to * rows), to - from);
    });
  },
};

export const expertKernels: ExpertKernels = { ...routeKernels, ...slotKernels, ...productKernels };
