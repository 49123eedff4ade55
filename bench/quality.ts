/**
 * Fidelity at equal bytes, judged by llama.cpp's own tools: for every size that llama-quantize with an importance matrix
 * makes of a model, our file of at most that size, and the mean KL of both against the F32 original.
 *
 *   node bench/quality.ts --judge DIR --tools DIR --model DIR --calibration FILE --evaluation FILE --work DIR
 *     [--context 512] [--chunks 16] [--types Q2_K,…] [--roundings gptq,nearest]
 *
 * DIR of --judge holds build/bin of llama.cpp, DIR of --tools the scripts peers.sh and kl.sh. Files already in --work are
 * kept, so the bench goes on where it stopped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './support/machine.ts';

const { values: options } = parseArgs({
  options: {
    judge: { type: 'string' },
    tools: { type: 'string' },
    model: { type: 'string' },
    calibration: { type: 'string' },
    evaluation: { type: 'string' },
    work: { type: 'string' },
    context: { type: 'string', default: '512' },
    chunks: { type: 'string', default: '16' },
    types: { type: 'string', default: 'Q2_K,Q3_K_M,Q4_K_M,Q5_K_M,IQ4_XS' },
    roundings: { type: 'string', default: 'gptq,nearest' },
    quick: { type: 'boolean' }, // accepted by every bench; nothing here can be shortened
  },
});

interface Row {
  readonly file: string;
  readonly bytes: number;
  readonly kl: number;
  readonly standardError: number;
  readonly seconds?: number;
}

const { judge, tools, model, calibration, evaluation, work } = options;
if (!judge || !tools || !model || !calibration || !evaluation || !work) {
  console.error('quality: skipped; --judge, --tools, --model, --calibration, --evaluation and --work are needed');
  process.exit((judge ?? tools ?? model) ? 2 : 0); // among all benches, without arguments, it is left out
}
const cli = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const environment = { ...process.env, JUDGE: judge, CTX: options.context, WORK: join(work, 'peers'), TMPDIR: work };
mkdirSync(join(work, 'peers'), { recursive: true });

const reference = join(work, 'f32.gguf');
if (!existsSync(reference)) bitbudget('quantize', model, '--type', 'F32', '-o', reference);
const peers = measurePeers();
const table = options.roundings.split(',').flatMap((rounding) => peers.map((peer) => compare(peer, rounding)));
print();

function bitbudget(...args: string[]): void {
  execFileSync(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function measurePeers(): Row[] {
  const tsv = join(work!, 'peers.tsv');
  if (!existsSync(tsv)) {
    const types = options.types.split(',');
    execFileSync(join(tools!, 'peers.sh'), [reference, calibration!, evaluation!, options.chunks, tsv, ...types], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return readFileSync(tsv, 'utf8').trim().split('\n').slice(1).map(parseRow);
}

function parseRow(line: string): Row {
  const [file, bytes, kl, standardError] = line.split('\t');
  return { file, bytes: Number(bytes), kl: Number(kl), standardError: Number(standardError) };
}

function compare(peer: Row, rounding: string): { peer: Row; ours: Row; rounding: string } {
  const name = `ours-${rounding}-${peer.file}`;
  const file = join(work!, name);
  const result = `${file}.json`;
  if (!existsSync(result)) {
    const start = performance.now();
    bitbudget(
      'quantize',
      model!,
      '--target-size',
      `${peer.bytes}`,
      '--rounding',
      rounding,
      '--calibration',
      calibration!,
      '--no-verify', // the judge verifies; the plan follows from the calibration text alone
      '-o',
      file,
      '--yes',
    );
    const seconds = (performance.now() - start) / 1000;
    const line = execFileSync(join(tools!, 'kl.sh'), [reference, evaluation!, options.chunks, file], {
      env: environment,
      encoding: 'utf8',
    });
    writeFileSync(result, JSON.stringify({ ...parseRow(line.trim()), seconds }));
  }
  return { peer, ours: JSON.parse(readFileSync(result, 'utf8')) as Row, rounding };
}

function print(): void {
  console.log(`${machine()}; context ${options.context}, ${options.chunks} chunks`);
  console.log('| size of | rounding | bytes | llama.cpp KL | ours bytes | ours KL | ratio | seconds |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { peer, ours, rounding } of table) {
    const cells = [
      peer.file.replace('.gguf', ''),
      rounding,
      peer.bytes,
      `${peer.kl.toFixed(5)} ± ${peer.standardError.toFixed(5)}`,
      ours.bytes,
      `${ours.kl.toFixed(5)} ± ${ours.standardError.toFixed(5)}`,
      (ours.kl / peer.kl).toFixed(3),
      ours.seconds?.toFixed(0) ?? '',
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  for (const rounding of options.roundings.split(',')) {
    const ratios = table
      .filter((row) => row.rounding === rounding)
      .map(({ ours, peer }) => Math.log(ours.kl / peer.kl));
    const mean = Math.exp(ratios.reduce((sum, value) => sum + value, 0) / ratios.length);
    console.log(`geometric mean of ours ÷ llama.cpp, ${rounding}: ${mean.toFixed(3)} over ${ratios.length} sizes`);
  }
}
