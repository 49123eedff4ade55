/**
 * Several processes at once on one model and one store: is everything measured, priced and rounded once, and do all end with
 * the same bytes? Work is counted in progress events, beside those of one process alone.
 *
 *     npm run bench -- processes
 *     node bench/processes.ts [--processes=10]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { smallModelFile } from '../test/pipeline/support.ts';
import { runJob } from '../test/support/kills.ts';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: { processes: { type: 'string', default: '10' }, quick: { type: 'boolean', default: false } },
});
const folder = await mkdtemp(join(tmpdir(), 'bitbudget-processes-'));
try {
  const model = await smallModelFile(folder);
  const at = (name: string, store: string) => ({
    model,
    output: join(folder, `${name}.gguf`),
    store: join(folder, store),
  });
  const alone = await runJob('quantize', at('alone', 'alone'));
  const count = Number(options.processes);
  const all = await Promise.all(Array.from({ length: count }, (_, i) => runJob('quantize', at(`out-${i}`, 'shared'))));
  const events = (stages: readonly string[]) => Map.groupBy(stages, (stage) => stage);
  const together = events(all.flatMap(({ stages }) => stages));
  console.log(`${machine()}; ${count} processes, one store`);
  for (const [stage, of] of events(alone.stages))
    console.log(`${stage}: ${of.length} events alone, ${together.get(stage)?.length ?? 0} of all together`);
  console.log(`waited: ${together.get('waiting')?.length ?? 0} times`);
  const wrong = all.filter(({ digest }) => digest !== alone.digest);
  console.log(`${wrong.length} of ${count} ended with other bytes`);
  for (const { stderr } of wrong) console.log(stderr.trim());
  if (wrong.length > 0 || together.get('measuring')?.length !== events(alone.stages).get('measuring')?.length)
    process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
