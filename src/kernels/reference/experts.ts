import type { ExpertKernels, RouteShape } from '../contract/experts.ts';
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

/** A token's gates before they are divided by their sum, and the sum of all. */
function gatesOf(logits: Float32Array, { experts, gating }: RouteShape, token: number) {
  if (gating === 'softmax') {
    const gates = exponentials(logits, experts, token);
    return { gates, all: total(gates) };
  }
  const row = Float64Array.from(logits.subarray(token * experts, (token + 1) * experts));
  return { gates: row.map((logit) => 1 / (1 + Math.exp(-logit))), all: 1 };
}

/** Scores with −∞ in groups that a token does not use. */
function withinGroups(scores: Float32Array, { groups, usedGroups, groupBest }: RouteShape): Float32Array {
  const size = scores.length / groups;
  const sums = Float32Array.from({ length: groups }, (_, group) => {
    const own = scores.subarray(group * size, (group + 1) * size);
    return largest(own, groupBest).reduce((sum, id) => sum + own[id], 0);
  });
  const used = largest(sums, usedGroups);
  return scores.map((score, i) => (used.includes(Math.floor(i / size)) ? score : -Infinity));
}

const routeKernels: RouteKernels = {
  route: (logits, bias, shape, ids, weights) => {
    const { experts, k, normalize, scale, groups } = shape;
    for (let token = 0; token < logits.length / experts; token++) {
      const { gates, all } = gatesOf(logits, shape, token);
      const row = logits.subarray(token * experts, (token + 1) * experts);
      const biased = () => Float32Array.from(gates, (gate, i) => Math.fround(gate / all) + (bias?.[i] ?? 0));
      const scores = bias || groups > 1 ? biased() : row;
      const chosen = largest(groups > 1 ? withinGroups(scores, shape) : scores, k);
      const sum = normalize ? chosen.reduce((part, id) => part + gates[id], 0) : all;
      chosen.forEach((id, j) => {
        ids[token * k + j] = id;
        weights[token * k + j] = (gates[id] / sum) * scale;
      });
    }
  },

  routeBackward: (logits, ids, shape, dWeights, dLogits) => {
    const { experts, k, gating, normalize, scale } = shape;
    for (let token = 0; token < logits.length / experts; token++) {
      const { gates, all } = gatesOf(logits, shape, token);
      const chosen = ids.subarray(token * k, (token + 1) * k);
      const among = gates.map((value, i) => (chosen.includes(i) ? value : 0));
      const sum = normalize ? total(among) : all;
      const d = new Float64Array(experts);
      chosen.forEach((id, j) => {
        d[id] = scale * dWeights[token * k + j];
      });
      const mean = chosen.reduce((part, id) => part + (gates[id] / sum) * d[id], 0);
      // A softmax divides by a sum of its own, which moves all logits; its slope is the exponential itself.
      const isShared = gating === 'softmax' && !normalize;
      dLogits.set(
        gates.map((gate, i) => {
          if (!isShared && !chosen.includes(i)) return 0;
          const slope = gating === 'softmax' ? gate : gate * (1 - gate);
          return (slope / sum) * (d[i] - (isShared || normalize ? mean : 0));
        }),
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
