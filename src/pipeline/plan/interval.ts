/** Standard errors on each side of a 90 % normal interval. */
const NINE_OF_TEN = 1.645;

/** What a positive quantity lies in nine of ten times, its error relative to it: factors, so that it stays positive. */
export function klInterval(kl: number, error: number): { readonly low: number; readonly high: number } {
  if (!(kl > 0)) return { low: 0, high: NINE_OF_TEN * error };
  const factor = Math.exp((NINE_OF_TEN * error) / kl);
  return { low: kl / factor, high: kl * factor };
}
