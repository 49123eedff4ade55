/** A mistake put into the source of a kernel on purpose. */
export interface Fault {
  /** Name in the contract. */
  readonly kernel: string;
  readonly fault: string;
  /** Below the repository's root. */
  readonly file: string;
  /** Function in which `find` is replaced, where it stands first; without one the file holds it once. */
  readonly within?: string;
  readonly find: string;
  readonly replace: string;
  /** Test files of the kernel, below test/kernels, that must fail. */
  readonly test: string;
}

type Entry = [kernel: string, fault: string, within: string, find: string, replace: string];

/** Faults of one source file. */
export function faultsOf(file: string, test: string, entries: readonly Entry[]): Fault[] {
  return entries.map(([kernel, fault, within, find, replace]) => ({
    kernel,
    fault,
    file,
    find,
    replace,
    test,
    ...(within === '' ? {} : { within }),
  }));
}
