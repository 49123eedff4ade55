/**
 * A failure the user can act on: the CLI prints its message as one line and exits with `exitCode`.
 * Message form: subject first, what was found, what was expected, what to do.
 */
export class BitbudgetError extends Error {
  /** 1 failure, 2 wrong usage. */
  readonly exitCode: number = 1;
  override name = 'BitbudgetError';
  /** Stable word for programs that read errors: `failed`, `usage`, `format`, or what the thrower says, such as `budget`. */
  readonly code: string;

  constructor(message: string, { code = 'failed', ...options }: ErrorOptions & { readonly code?: string } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The command line or an argument is wrong. */
export class UsageError extends BitbudgetError {
  override readonly exitCode: number = 2;
  override name = 'UsageError';

  constructor(message: string, options: ErrorOptions & { readonly code?: string } = {}) {
    super(message, { code: 'usage', ...options });
  }
}

/** A file is damaged, hostile or of a kind that is not supported. */
export class FormatError extends BitbudgetError {
  override name = 'FormatError';

  constructor(message: string, options: ErrorOptions & { readonly code?: string } = {}) {
    super(message, { code: 'format', ...options });
  }
}
