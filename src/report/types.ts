/**
 * Everything a report shows, saved as `OUT.bitbudget.json`: plain JSON, all numbers finite. KL is in nats per token,
 * sizes are bytes of the finished file unless a field says otherwise.
 */
export interface ReportData {
  readonly version: 1;
  readonly title: string;
  /** When the run ended, ISO 8601. */
  readonly date?: string;
  /** The command that made it. */
  readonly command?: string;
  /** What it was made by: `bitbudget` and `node`, with their versions. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Text that was measured on: base name of its file, SHA-256 of its contents. */
  readonly calibration?: { readonly name: string; readonly sha256: string };
  readonly model: ReportModel;
  readonly result: ReportResult;
  /** Every matrix of the plan. */
  readonly assignments: readonly Assignment[];
  /** Predicted best KL over file size, ascending in bytes. */
  readonly frontier: readonly FrontierSample[];
  /** Files of this run whose KL was measured, such as the plans that verification tried. */
  readonly measured: readonly MeasuredPoint[];
  /** What one would take otherwise: other tools' files, one type everywhere, files of the user's. */
  readonly peers?: readonly ReportPeer[];
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
  /** The original: `user/repo` of a hub, or a name. */
  readonly baseModel?: string;
  /** As the source says it. */
  readonly license?: string;
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
  /** What the KL lies in nine of ten times. */
  readonly predictedInterval?: { readonly low: number; readonly high: number };
  /** Whether predictions were corrected by true evaluations of this model. */
  readonly corrected?: boolean;
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
  /** 90 % interval. */
  readonly low: number;
  readonly high: number;
  /** Share of the weights in formats below 5 bits, 0 to 1; runs saved by older versions have none. */
  readonly quantizationRatio?: number;
}

/** Models of one family by size, on one held-out text: losses are cross-entropies in bits per byte of text. */
export interface FamilyData {
  readonly members: readonly FamilyCurve[];
  /** The best of all models at every size, ascending in bytes. */
  readonly best: readonly {
    readonly model: string;
    readonly bytes: number;
    readonly bitsPerWeight: number;
    readonly loss: number;
  }[];
}

/** One model: its best plans by size. */
export interface FamilyCurve {
  readonly model: string;
  /** Of the original. */
  readonly loss: number;
  readonly points: readonly { readonly bytes: number; readonly loss: number }[];
  /** Plans whose loss was measured, with its standard error. */
  readonly measured: readonly { readonly bytes: number; readonly loss: number; readonly standardError: number }[];
}

export interface MeasuredPoint {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
  readonly standardError: number;
}

/** A file that one would take otherwise. */
export interface ReportPeer {
  readonly label: string;
  readonly bytes: number;
  readonly kl: number;
  /** Absent where the KL is predicted. */
  readonly standardError?: number;
}

export interface Mean {
  readonly mean: number;
  readonly standardError: number;
}

/** Against the original on held-out text; has the fields of `evaluate`'s Evaluation. */
export interface ReportEvaluation {
  readonly tokens: number;
  readonly kl: Mean;
  readonly klQuantiles: { readonly median: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** Of models that give next tokens. */
  readonly perplexity?: Mean;
  readonly referencePerplexity?: Mean;
  readonly topAgreement?: Mean;
}

export interface Timing {
  readonly step: string;
  readonly seconds: number;
}
