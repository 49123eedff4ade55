// The main job: the best file of 4.5 bits per weight, verified, and its report.
// Leave `palette`, `calibration` and `evaluation` out for real files: these are for speed.
import { writeFile } from 'node:fs/promises';
import { quantize, report } from 'bitbudget';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()); // What is finished is kept for the next time.

const { fileBytes, evaluation, record } = await quantize('node_modules/bitbudget-tiny', {
  output: 'tiny.gguf',
  budget: { bitsPerWeight: 4.5 },
  palette: ['Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'],
  calibration: { tokens: 2048 },
  evaluation: { tokens: 1024 },
  signal: stop.signal,
  onProgress: ({ stage, done, total }) => process.stderr.write(`\r${stage} ${done} of ${total}   `),
});
console.log(`${fileBytes} bytes, KL ${evaluation.kl.mean.toFixed(5)}`);
await writeFile('tiny.bitbudget.json', JSON.stringify(record));
await writeFile('tiny.report.html', report(record));
