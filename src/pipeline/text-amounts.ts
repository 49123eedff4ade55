/** Tokens measured on by default: enough for the factors of rows up to a few thousand columns. */
export const CALIBRATION_TOKENS = 16384;
/** Tokens verified on by default, half of them scored: a standard error of a few percent of the KL. */
export const EVALUATION_TOKENS = 8192;
