import type { PlanPrediction } from '../../allocate/types.ts';
import type { Estimate } from '../../evaluate/types.ts';
import type { Model } from '../../model/types.ts';

/** Another file of the same model: what one would have without this program, or has already. */
export interface Peer {
  /** `Q4_K_M`, `IQ4_XS everywhere`, or a file's name. */
  readonly name: string;
  /** Where it comes from: llama-quantize's recipe and rounding, one type everywhere with our rounding, or a file of the user's. */
  readonly kind: 'llama-quantize' | 'one type' | 'file';
  readonly fileBytes: number;
  readonly bitsPerWeight: number;
  readonly predicted?: Pick<PlanPrediction, 'kl' | 'klError' | 'klInterval' | 'corrected'>;
  /** True KL on the windows that the result is measured on. */
  readonly measured?: Estimate;
}

/** A file of the user's to compare with; its model is closed by who compares. */
export interface PeerModel {
  readonly name: string;
  readonly fileBytes: number;
  readonly model: Model;
}
