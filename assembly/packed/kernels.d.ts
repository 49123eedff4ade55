/** `round…`, `packed…` and `decode…` of every format in formats/, written by ../generated.ts. */
export {};
