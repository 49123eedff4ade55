import type { BitPlan, Objective } from '../allocate/types.ts';
import type { WorkOptions } from '../core/progress.ts';
import type { Model } from '../model/types.ts';
import type { ModelSource } from '../pipeline/host/types.ts';
import type { JobText } from '../pipeline/job.ts';
import type { Forecast } from '../pipeline/preflight/types.ts';
import type { QuantizeResult } from '../pipeline/quantize.ts';
import type { RoundingName } from '../quantize/types.ts';
import type { ReportData } from '../report/types.ts';
import type { GenerateOptions } from '../run/generate.ts';

/** A model that is open, which stays open, or where to open one, which is closed again. */
export type Source = Model | ModelSource;

/** Most of each resource, any of them together; what is left out is free. */
export interface Budget {
  /** Of the finished file: 8 × its bytes ÷ all weights of the model. */
  bitsPerWeight?: number;
  /** Of the finished file. */
  bytes?: number;
  /** Bytes of memory to run it, at `context` tokens. */
  memory?: number;
  /** Bytes of the KV cache at `context` tokens, whose formats are then chosen too. */
  kv?: number;
  /** Bytes that are read per decoded token. */
  moved?: number;
  /** Bit operations per decoded token. */
  bops?: number;
  /** Milliseconds per decoded token on this device, which is then measured. */
  latency?: number;
}

/** What `quantize` and `plan` have in common. Every field may be left out. */
export interface SearchOptions extends WorkOptions {
  /** Text to measure on; default 16384 tokens of the package's own public-domain books. */
  calibration?: JobText;
  /** Held-out text to verify on; default 8192 tokens of other books of the package. */
  evaluation?: JobText;
  /** How weights are rounded; default `gptq`. */
  rounding?: RoundingName;
  /** Formats to choose from; default all that GGUF holds. */
  palette?: readonly string[];
  /** Bits that the inputs of matrices may be rounded to, such as `[16, 8]`; default none. */
  activations?: readonly number[];
  /** Name of the solver; default the exact one for the budgets. */
  solver?: string;
  /** True evaluations that a searching solver may spend; default its own. */
  evaluations?: number;
  /** What is made least; default the sum of all losses. */
  objective?: Objective;
  /** Most different formats in the plan; default any number. */
  mostFormats?: number;
  /** One format for q, k and v of a block, and for gate and up; default false. */
  fuse?: boolean;
  /** One format for all keys and one for all values of the cache; default false. */
  kvUniform?: boolean;
  /** Tokens of context that memory and the cache are told for; default the model's, at most 4096. */
  context?: number;
  /** Of all that is drawn; default 0. The same seed gives the same bytes. */
  seed?: number;
  /** Default all cores; 1 in pages that are not cross-origin isolated. */
  threads?: number;
  /** Where measurements and unfinished work are kept: a folder; in browsers a name. Default the user's own place. */
  workDir?: string;
}

/** What `quantize` is asked for: an output, and one of `budget`, `format` and `plan`. */
export interface QuantizeRequest extends SearchOptions {
  /** The .gguf file to write: a path; in browsers a bare name in the site's private file system (`writtenFile`). */
  output: string;
  /** What the file must keep to. */
  budget?: Budget;
  /** One format everywhere, such as `Q4_K`. */
  format?: string;
  /** A plan to carry out. */
  plan?: BitPlan;
  /**
   * Whether the file is measured against the original; default true, but for one `format` with rounding `nearest`: that is measured
   * where `evaluation` is given.
   */
  verify?: boolean;
  /** Whether the report says what llama-quantize's files would lose; default false. */
  peers?: boolean;
  /** Told before long work begins: time, memory and disk. */
  onForecast?: (forecast: Forecast) => void;
}

/** A file that was made, and what is known of it. */
export interface Quantized extends QuantizeResult {
  /** As it was asked for. */
  readonly output: string;
  /** All that a report shows: for `report`, and to be saved as JSON. */
  readonly record: ReportData;
}

/** What `plan` is asked for; without a budget, the best plans of all sizes. */
export interface PlanRequest extends SearchOptions {
  /** What the plan must keep to. */
  budget?: Budget;
  /** Name of the metric that formats are chosen by; default predicted KL. */
  metric?: string;
  /** Whether eight plans are rounded and evaluated, so that predictions are corrected; default false. */
  probe?: boolean;
}

/** What `evaluate` compares with, and on what. */
export interface EvaluateRequest extends WorkOptions {
  /** The model that the other was made of. */
  original: Source;
  /** Held-out text; default 8192 tokens of the package's own books, those that `quantize` verifies on. */
  text?: JobText;
  /** Tokens per window, of which the second half is scored; default 512 or the model's. */
  context?: number;
  /** Default all cores; 1 in pages that are not cross-origin isolated. */
  threads?: number;
}

/** How text is written on. */
export interface RunOptions extends GenerateOptions, WorkOptions {
  /** Tokens that prompt and answer may take together; default the model's, at most 4096. */
  context?: number;
  /** Default all cores; 1 in pages that are not cross-origin isolated. */
  threads?: number;
}

/** How a conversation is answered. */
export interface ChatRequest extends RunOptions {
  /** Jinja template of conversations; default the model's own. */
  template?: string;
  /** Further variables of the model's template, such as `tools` or `enable_thinking`; default none. */
  variables?: Readonly<Record<string, unknown>>;
}
