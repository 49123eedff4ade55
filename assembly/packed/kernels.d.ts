/** `round…`, `packed…`, `roundRuns…`, `packedRuns…` and `decode…` of every format in formats/, written by ../generated.ts. */
export {};
