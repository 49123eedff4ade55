/**
 * Everything a report shows, saved as `OUT.bitbudget.json`: plain JSON, all numbers finite. KL is in nats per token,
 * sizes are bytes of the finished file unless a field says otherwise.
 */
export interface ReportData {
  readonly version: 1;
  readonly title: string;
  /** When the run ended, ISO 8601. */
  readonly date?: string;
  readonly model: ReportModel;
  readonly result: ReportResult;
  /** Every matrix of the plan. */
  readonly assignments: readonly Assignment[];
  /** Predicted best KL over file size, ascending in bytes. */
  readonly frontier: readonly FrontierSample[];
  /** Files of this run whose KL was measured, such as the plans that verification tried. */
  readonly measured: readonly MeasuredPoint[];
  /** Other tools' files of the same model, judged in the same way. */
  readonly peers?: readonly MeasuredPoint[];
  readonly evaluation?: ReportEvaluation;
  readonly timings: readonly Timing[];
  /** How to use the file. */
  readonly commands: readonly { readonly label: string; readonly command: string }[];
  /** Remarks for the reader: which text was used, what was corrected. */
  readonly notes?: readonly string[];
}

export interface ReportModel {
  readonly name: string;
  readonly architecture: string;
  readonly layers: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly parameters: number;
  /** Of the original model's tensors. */
  readonly originalBytes: number;
}

/** The file that was made. */
export interface ReportResult {
  readonly file: string;
  readonly fileBytes: number;
  /** Budget in bytes, when there was one. */
  readonly targetBytes?: number;
  readonly bitsPerWeight: number;
  readonly rounding: string;
  readonly predictedKl?: number;
  readonly predictedKlError?: number;
  /** Of one decoded token on the device of the run, where latency was budgeted. */
  readonly latency?: ReportLatency;
  /** The solver's answer about the predicted KL; absent when the plan was given. */
  readonly solver?: { readonly status: string; readonly bound: number; readonly gap: number };
}

/** In ms; spreads are standard deviations of single measurements. */
export interface ReportLatency {
  readonly predicted: number;
  readonly predictedSpread: number;
  readonly measured: number;
  readonly measuredSpread: number;
  readonly threads: number;
  /** Tokens in the KV cache. */
  readonly context: number;
}

export interface Assignment {
  readonly tensor: string;
  readonly role: string;
  /** Block number, −1 outside blocks. */
  readonly layer: number;
  readonly rows: number;
  readonly columns: number;
  readonly format: string;
  readonly bitsPerWeight: number;
  readonly bytes: number;
  /** Predicted KL that the choice costs, with its standard error; absent where nothing was priced. */
  readonly loss?: number;
  readonly lossError?: number;
  /** What the matrix would cost at one common width, for comparing sensitivities; default `loss`. */
  readonly sensitivity?: { readonly format: string; readonly loss: number; readonly lossError: number };
}

export interface FrontierSample {
  readonly bytes: number;
  readonly predictedKl: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
}

export interface MeasuredPoint {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
  readonly standardError: number;
}

interface Mean {
  readonly mean: number;
  readonly standardError: number;
}

/** Against the original on held-out text; has the fields of `evaluate`'s Evaluation. */
export interface ReportEvaluation {
  readonly tokens: number;
  readonly kl: Mean;
  readonly klQuantiles: { readonly median: number; readonly p90: number; readonly p99: number; readonly max: number };
  readonly perplexity: Mean;
  readonly referencePerplexity: Mean;
  readonly topAgreement: Mean;
}

export interface Timing {
  readonly step: string;
  readonly seconds: number;
}
