/** KL in nats per token: four significant digits at any magnitude. */
export function klText(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) < 1e-4 ? value.toExponential(2) : value.toPrecision(3).replace(/^0\.(\d*?)0+$/, '0.$1');
}

export function withError(value: number, error: number | undefined, text: (value: number) => string = klText): string {
  return error === undefined ? text(value) : `${text(value)} ± ${text(error)}`;
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
