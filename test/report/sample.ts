import { Random } from '../../src/core/random.ts';
import type { Assignment, ReportData } from '../../src/report/types.ts';

const ROLES: [role: string, rows: number, columns: number][] = [
  ['attn_q', 576, 576],
  ['attn_k', 192, 576],
  ['attn_v', 192, 576],
  ['attn_output', 576, 576],
  ['ffn_gate', 1536, 576],
  ['ffn_up', 1536, 576],
  ['ffn_down', 576, 1536],
];
const FORMATS: [format: string, bits: number][] = [
  ['IQ4_NL', 4.5],
  ['Q5_0', 5.5],
  ['Q4_0', 4.5],
  ['Q8_0', 8.5],
  ['Q2_K', 2.625],
  ['Q6_K', 6.5625],
];

/** A made-up run over a model of realistic shapes. */
export function sampleReport(layers = 30): ReportData {
  const random = new Random(1);
  const assignment = (tensor: string, role: string, layer: number, rows: number, columns: number): Assignment => {
    const [format, bitsPerWeight] = FORMATS[random.integer(FORMATS.length)];
    const loss = 1e-4 * Math.exp(random.normal()) * (1 + 4 * Math.exp(-layer / 3));
    const bytes = (rows * columns * bitsPerWeight) / 8;
    return {
      tensor,
      role,
      layer,
      rows,
      columns,
      format,
      bitsPerWeight,
      bytes,
      loss,
      lossError: 0.2 * loss,
      sensitivity: { format: 'Q4_0', loss: 2 * loss, lossError: 0.4 * loss },
    };
  };
  const assignments = [assignment('token_embd.weight', 'token_embd', -1, 49152, 576)];
  for (let layer = 0; layer < layers; layer++)
    for (const [role, rows, columns] of ROLES)
      assignments.push(assignment(`blk.${layer}.${role}.weight`, role, layer, rows, columns));
  const kl = (megabytes: number) => 0.6 * Math.exp(-(megabytes - 50) / 14);
  return {
    version: 1,
    title: 'SmolLM2 135M in 84 000 000 bytes',
    model: {
      name: 'SmolLM2 135M',
      architecture: 'llama',
      layers,
      hidden: 576,
      vocabulary: 49152,
      parameters: 134_515_008,
      originalBytes: 269_030_016,
    },
    result: {
      file: 'out.gguf',
      fileBytes: 83_987_616,
      targetBytes: 84_000_000,
      bitsPerWeight: 4.995,
      rounding: 'gptq',
      predictedKl: kl(84),
      predictedKlError: 0.004,
      solver: { status: 'optimal', bound: kl(84), gap: 0 },
    },
    assignments,
    frontier: Array.from({ length: 40 }, (_, i) => {
      const megabytes = 52 + 2.4 * i;
      return {
        bytes: megabytes * 1e6,
        predictedKl: kl(megabytes),
        low: 0.85 * kl(megabytes),
        high: 1.15 * kl(megabytes),
        quantizationRatio: 1 - i / 40,
      };
    }),
    measured: [
      { label: 'solved', bytes: 83_990_000, kl: 0.061, standardError: 0.002 },
      { label: 'corrected', bytes: 83_987_616, kl: 0.055, standardError: 0.002 },
    ],
    peers: [
      { label: 'Q2_K', bytes: 88.2e6, kl: 0.272, standardError: 0.006 },
      { label: 'IQ4_XS', bytes: 90.9e6, kl: 0.109, standardError: 0.003 },
      { label: 'Q4_K_M', bytes: 105.5e6, kl: 0.04, standardError: 0.001 },
      { label: 'Q5_K_M', bytes: 112.1e6, kl: 0.017, standardError: 0.0006 },
    ],
    evaluation: {
      tokens: 16_384,
      kl: { mean: 0.055, standardError: 0.002 },
      klQuantiles: { median: 0.021, p90: 0.13, p99: 0.52, max: 3.1 },
      perplexity: { mean: 21.43, standardError: 0.31 },
      referencePerplexity: { mean: 20.37, standardError: 0.29 },
      topAgreement: { mean: 0.894, standardError: 0.003 },
    },
    timings: [
      { step: 'measure', seconds: 141.2 },
      { step: 'price', seconds: 88.4 },
      { step: 'quantize', seconds: 61 },
      { step: 'verify', seconds: 75.3 },
      { step: 'write', seconds: 0.8 },
    ],
    commands: [
      { label: 'bitbudget', command: 'bitbudget run out.gguf -p "Once upon a time"' },
      { label: 'llama.cpp', command: 'llama-cli -m out.gguf -p "Once upon a time"' },
    ],
    notes: ['measured on 48 sequences of 256 tokens'],
  };
}
