/** KL in nats per token: three significant digits as a decimal, so that sizes can be compared by eye; powers of ten only far below what can be measured. */
export function klText(value: number): string {
  if (value === 0) return '0';
  if (Math.abs(value) < 1e-7) return value.toExponential(1);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(9, digits)).replace(/^(-?0\.\d*?)0+$/, '$1');
}

export function withError(value: number, error: number | undefined, text: (value: number) => string = klText): string {
  return error === undefined ? text(value) : `${text(value)} ± ${errorText(value, error, text)}`;
}

/** An error with as many decimals as its value shows, where it has a digit there. */
export function errorText(value: number, error: number, text: (value: number) => string = klText): string {
  const shown = text(value);
  const decimals = /^\d+\.(\d+)$/.exec(shown)?.[1].length;
  const rounded = decimals === undefined ? 0 : Number(error.toFixed(decimals));
  return rounded > 0 ? error.toFixed(decimals) : text(error);
}

/** Megabytes of 10⁶ bytes. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 2 : 1)} MB`;
}

/** `134 515 008`, with narrow no-break spaces. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function bits(value: number): string {
  return value.toFixed(value < 9.995 ? 2 : 1);
}

export function seconds(value: number): string {
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
