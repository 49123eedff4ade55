/** Side file of an output that tells what a run did. */
export function recordPath(output: string): string {
  return `${output.replace(/\.gguf$/, '')}.bitbudget.json`;
}
