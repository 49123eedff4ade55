/** What it is predicted to cost to give a site an option. */
export interface OptionPrice {
  readonly option: string;
  /** Nats of KL per token, and its standard error. */
  readonly loss: number;
  readonly lossError: number;
}

/** A site with the price of everything that it may be given: what every way of pricing answers with. */
export interface PricedSite {
  /** Id of the site. */
  readonly site: string;
  readonly prices: readonly OptionPrice[];
}

/** A site with the options that are to be priced. */
export interface SiteOptions {
  readonly site: string;
  readonly options: readonly string[];
}
