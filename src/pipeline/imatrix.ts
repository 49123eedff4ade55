import { writeImatrix } from '../container/imatrix.ts';
import { importanceSums } from '../measure/imatrix.ts';
import type { Measurement } from '../measure/types.ts';
import type { Host } from './host/types.ts';

/** Writes a measurement's E[x²] as an importance matrix that llama-quantize reads. */
export async function writeMeasuredImatrix(host: Host, measurement: Measurement, output: string): Promise<void> {
  const { sequences, sequenceLength, text } = measurement.key;
  await writeImatrix(
    { datasets: [text], chunkCount: sequences, chunkSize: sequenceLength, entries: importanceSums(measurement) },
    await host.sink(output),
  );
}
