import type { Kernels } from '../../../kernels/contract.ts';
import { categorical } from '../../../objective/categorical.ts';
import type { SequenceRange } from '../../../run/segments.ts';

/** Whose log-probability is differentiated: labels drawn from the model's own predictions, or the text's next tokens. */
export type Labels = 'sampled' | 'text';

interface LabelTask {
  readonly sequences: number;
  readonly length: number;
  readonly ids: Int32Array;
  readonly range: SequenceRange;
  readonly seed: number;
}

/** Logits of some sequences → gradient of log p(label), in place. @param logits in the backend's memory */
export function labelGradient(
  kernels: Kernels,
  labels: Labels,
  logits: Float32Array,
  vocabulary: number,
  task: LabelTask,
): void {
  if (labels === 'text') {
    textGradient(kernels, logits, vocabulary, task);
    return;
  }
  kernels.scope(() => {
    const uniform = kernels.upload(categorical.draws(task.seed, task.range.order, task.length, 1));
    kernels.sampledScore(logits, uniform, kernels.f32(uniform.length), undefined, vocabulary);
  });
}

/** onehot(next token) − p; the last token of a sequence has no label and no gradient. */
function textGradient(kernels: Kernels, logits: Float32Array, vocabulary: number, task: LabelTask): void {
  const { ids, length, range } = task;
  kernels.logSoftmax(logits, vocabulary);
  const first = range.start * length;
  for (let t = 0; t < range.order.length * length; t++) {
    const row = logits.subarray(t * vocabulary, (t + 1) * vocabulary);
    if (t % length === length - 1) {
      row.fill(0);
      continue;
    }
    for (let i = 0; i < vocabulary; i++) row[i] = -Math.exp(row[i]);
    row[ids[first + t + 1]] += 1;
  }
}
