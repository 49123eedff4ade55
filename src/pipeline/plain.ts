/**
 * Whether a file of one format is plain: rounded to the nearest without any text. Nothing is measured for it, and it is
 * verified where text for that is given.
 */
export function isPlain({
  format,
  rounding,
  calibration,
}: {
  readonly format?: string;
  readonly rounding?: string;
  readonly calibration?: unknown;
}): boolean {
  return format !== undefined && rounding === 'nearest' && calibration === undefined;
}
