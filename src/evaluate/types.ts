/** A mean with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly standardError: number;
}

/** A model against its reference on the same text. */
export interface Evaluation {
  /** Scored tokens. */
  readonly tokens: number;
  /** Mean KL(reference ‖ model), nats per token. */
  readonly kl: Estimate;
  readonly klQuantiles: { readonly median: number; readonly p90: number; readonly p99: number; readonly max: number };
  readonly perplexity: Estimate;
  readonly referencePerplexity: Estimate;
  /** Share of tokens whose most probable token agrees. */
  readonly topAgreement: Estimate;
}
