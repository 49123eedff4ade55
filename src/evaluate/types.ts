/** A mean with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly standardError: number;
}

/** How often the nearest text is the one that belongs to a query. */
export interface Recall {
  readonly pairs: number;
  readonly model: Estimate;
  readonly reference: Estimate;
}

/** A model against its reference on the same text. */
export interface Evaluation {
  /** Scored tokens; of encoders texts. */
  readonly tokens: number;
  /**
   * Mean KL(reference ‖ model), nats per token. Of encoders per text, with the vectors as means of normal distributions of
   * deviation 1: half the squared distance of unit vectors, 1 − cosine.
   */
  readonly kl: Estimate;
  readonly klQuantiles: { readonly median: number; readonly p90: number; readonly p99: number; readonly max: number };
  /** What is known of models that give next tokens alone. */
  readonly perplexity?: Estimate;
  readonly referencePerplexity?: Estimate;
  /** Share of tokens whose most probable token agrees. */
  readonly topAgreement?: Estimate;
  /** Of encoders, where pairs of texts are compared. */
  readonly recall?: Recall;
}
