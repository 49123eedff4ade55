import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { sampleReport } from '../report/sample.ts';
import { cli, startCli } from '../support/cli.ts';

const tiny = fileURLToPath(new URL('../../assets/tiny', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bitbudget-cli-'));
after(() => rmSync(folder, { recursive: true }));

/** What a failed command must look like: nothing on stdout, one line on stderr. */
async function assertFails(args: string[], code: number, line: RegExp): Promise<void> {
  const result = await cli(args);
  assert.equal(result.code, code, result.stderr);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, line);
  assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
}

/** `['metrics', 'list']` */
function pathOf(command: Command): string[] {
  return command.parent?.parent ? [command.parent.name(), command.name()] : [command.name()];
}

test('every verb has a help that names its options and shows examples', () => {
  const program = createProgram();
  const names = program.commands.map((command) => command.name());
  assert.deepEqual(names, [
    'quantize',
    'plan',
    'family',
    'run',
    'embed',
    'eval',
    'report',
    'inspect',
    'pull',
    'measure',
    'latency',
    'formats',
    'metrics',
    'env',
    'cache',
  ]);
  const verbs = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]));
  assert.equal(verbs.length, names.length + 3);
  for (const command of verbs) assert.match(command.helpInformation(), /--json.*\n.*--quiet/s);
  for (const command of verbs) {
    const help: string[] = [];
    command.configureOutput({ writeOut: (text) => void help.push(text) }).outputHelp();
    assert.match(
      help.join(''),
      new RegExp(`\\nExamples:\\n  # .+\\n  bitbudget ${pathOf(command).join(' ')}`),
      command.name(),
    );
  }
});

test('help and version succeed; no command at all is wrong usage', async () => {
  const help = await cli(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: bitbudget/);
  assert.match((await cli(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  const none = await cli([]);
  assert.equal(none.code, 2);
  assert.equal(none.stdout, '');
});

test('wrong usage ends with one line that says what to do', async () => {
  await Promise.all([
    assertFails(['inspct'], 2, /unknown command 'inspct' \(Did you mean inspect\?\)/),
    assertFails(['inspect', tiny, '--tensrs'], 2, /unknown option '--tensrs' \(Did you mean --tensors\?\)/),
    assertFails(['inspect'], 2, /missing required argument 'model'/),
    assertFails(['inspect', tiny, 'more'], 2, /too many arguments/),
    assertFails(['run', tiny, '-n', '0', '-p', 'x'], 2, /expected a whole number/i),
    assertFails(['run', tiny, '-p', 'x', '--system', 'y'], 2, /give --chat too/),
    assertFails(
      ['plan', tiny],
      2,
      /give budgets \(--target-size, --target-bpw, --max-bops, --kv-budget, --max-memory, --max-moved, --max-latency\), or --frontier/,
    ),
    assertFails(
      ['plan', tiny, '--max-bops', '1G', '--target-bpw', '4', '--solver', 'knapsack'],
      2,
      /knapsack takes one budget/,
    ),
    assertFails(
      ['plan', tiny, '--max-bops', '1G', '--solver', 'mlip'],
      2,
      /Allowed choices are knapsack, .*milp.*Did you mean milp\?/,
    ),
    assertFails(['plan', tiny, '--max-bops', '1G', '--evaluations', '9'], 2, /give --solver genetic or tree/),
    assertFails(['plan', tiny, '--frontier', '--solver', 'tree'], 2, /--frontier is exact/),
    assertFails(['quantize', tiny, '-o', 'x.gguf', '--type', 'Q4_K', '--fuse'], 2, /--fuse is for budgets/),
    assertFails(['plan', tiny, '--target-bpw', '4', '--solver', 'tree', '--probe'], 2, /--probe: --solver tree learns/),
    assertFails(['plan', tiny, '--max-bops', 'much'], 2, /count much: expected a number such as/),
    assertFails(
      ['plan', tiny, '--max-bops', '1G', '--palette', 'Q9'],
      2,
      /--palette Q9: is no type that GGUF files hold/,
    ),
    assertFails(['plan', tiny, '--max-bops', '1G', '--palette', 'Q4K'], 2, /did you mean Q4_K\?/),
    assertFails(['plan', tiny, '--max-bops', '1G', '--palette', 'Q4_K_M'], 2, /is a mix of types .*--target-bpw 4\.89/),
    assertFails(['quantize', tiny, '--type', 'Q4KM'], 2, /did you mean Q4_K_M\?/),
    assertFails(['quantize', tiny, '--target-size', '60X'], 2, /size 60X: expected bytes \(61234567\), 60MB or 60M/),
    assertFails(['quantize', tiny, '--type', 'Q4_K', '--rounding', 'gtpq'], 2, /Did you mean gptq\?/),
    assertFails(['run', tiny, '-p', 'x', '-t', '999'], 2, /This machine has \d+ cores?; give 1/),
    assertFails(['run', tiny, '-p', 'x', '-c', '4096'], 2, /context 4096: the model is made for at most 256 tokens/),
    assertFails(['run', tiny, '-p', 'x', '--temp', '-1'], 2, /Expected a number of at least 0/),
    assertFails(['plan', tiny, '--max-bops', '1G', '--palette', 'F32'], 2, /no format of it can hold token_embd/),
    assertFails(['plan', tiny, '--max-latency', '25'], 2, /time 25: expected a number with its unit, such as 25ms/),
    assertFails(['plan', tiny, '--max-latency', '9ms', '--context', '4096'], 2, /context 4096: the model is made for/),
    assertFails(['plan', tiny, '--max-bops', '1G', '--kv-uniform'], 2, /--kv-uniform is part of a KV budget/),
    assertFails(['plan', tiny, '--target-bpw', '4', '--activations', '8'], 2, /give their budget with --max-bops too/),
    assertFails(['plan', tiny, '--max-bops', '1G', '--activations', '2'], 2, /expected 3 to 16 bits/i),
    assertFails(['run', tiny, '-p', 'x', '--cache-k', 'q4_k'], 2, /cache k: q4_k does not hold heads of 64 values/),
    assertFails(['run', tiny, '-p', 'x', '--expert-budget', '0.5'], 2, /--expert-budget: the model has no experts/),
    assertFails(['eval', tiny, '--reference', tiny, '--expert-rule', 'token'], 2, /say how many with --expert-budget/),
    assertFails(
      ['eval', tiny, '--tasks', join(folder, 'absent.jsonl')],
      2,
      /absent\.jsonl: cannot be opened \(ENOENT\)/,
    ),
    assertFails(['eval', tiny, '--tasks', 'x.jsonl', '--base', 'y'], 2, /--tasks are asked of models/),
    assertFails(['plan', tiny, '--target-bpw', '4', '--metric', 'nonsense'], 2, /metric nonsense is not known/),
    assertFails(
      ['plan', tiny, '--max-bops', '1G', '--by-expert'],
      2,
      /--by-expert: give --target-size or --target-bpw/,
    ),
    assertFails(['plan', tiny, '--target-bpw', '4', '--objective', 'least'], 2, /expected sum, max, or worst/),
    assertFails(['plan', tiny, '--target-bpw', '4', '--solver', 'palette'], 2, /say how many with --most-formats/),
    assertFails(['plan', tiny, '--frontier', '--metric', 'kl-interactions'], 2, /scores whole plans/),
    assertFails(['metrics', 'rank'], 2, /missing required argument 'model'/),
    assertFails(['metrics', 'rank', tiny, '--metric', 'nonsense'], 2, /metric nonsense is not known/),
    assertFails(['inspect', join(folder, 'absent')], 2, /absent: no such file or folder/),
  ]);
});

test('errors under --json are one JSON line on stderr with a code that stays, whatever found them', async () => {
  const cases: [string[], number, string][] = [
    [['inspect', join(folder, 'absent'), '--json'], 2, 'usage'],
    [['inspct', '--json'], 2, 'usage'],
    [['plan', tiny, '--max-bops', '1G', '--palette', 'Q9', '--json'], 2, 'unknown-type'],
    [['inspect', join(folder, 'damaged.gguf'), '--json'], 1, 'format'],
  ];
  writeFileSync(join(folder, 'damaged.gguf'), 'GGUF\u0003\0\0\0 and then nothing of use');
  for (const [args, exitCode, code] of cases) {
    const result = await cli(args);
    assert.equal(result.code, exitCode);
    assert.equal(result.stdout, '');
    const { schemaVersion, error } = JSON.parse(result.stderr);
    assert.deepEqual([schemaVersion, error.code, error.exitCode], [1, code, exitCode], args.join(' '));
    assert.ok(error.message.length > 10);
  }
  assert.equal(cases.length, 4);
});

test('env tells versions, processor and hub settings, and no token', async () => {
  const { code, stdout, stderr } = await cli(['env', '--json'], {
    env: { HF_TOKEN: 'hf_secret', HTTPS_PROXY: 'http://me:pass@x' },
  });
  assert.equal(code, 0, stderr);
  const found = JSON.parse(stdout);
  assert.equal(found.schemaVersion, 1);
  assert.equal(found.node, process.versions.node);
  assert.match(found.device.kernels, /^wasm-/);
  assert.equal(found.hub.hasToken, true);
  assert.equal(found.variables.HTTPS_PROXY, 'set');
  assert.doesNotMatch(stdout, /hf_secret|me:pass/);
  assert.match((await cli(['env'])).stdout, /^bitbudget {2}\d+\.\d+\.\d+\nnode /);
});

test('a damaged file exits 1 with one line', async () => {
  const path = join(folder, 'damaged.gguf');
  writeFileSync(path, 'GGUF\u0003\0\0\0 and then nothing of use');
  await assertFails(['inspect', path], 1, /damaged\.gguf/);
});

test('inspect tells configuration, formats, bytes and bits per weight of a folder and of a bare file', async () => {
  const { code, stdout, stderr } = await cli(['inspect', tiny]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /8 392 960 weights, 16 \d{3} \d{3} bytes \(16\.8 MB\), 16\.0\d\d bits per weight/);
  assert.match(stdout, /llama "tiny": 8 layers, 256 wide/);
  assert.match(stdout, /^BF16 +75 /m);
  const bare = join(folder, 'bare.safetensors');
  copyFileSync(join(tiny, 'model.safetensors'), bare);
  const other = JSON.parse((await cli(['inspect', bare, '--json'])).stdout);
  assert.equal(other.tensorBytes, 16_785_920);
  assert.equal(other.tensors.length, 75);
  assert.match(other.unsupported, /config\.json/);
});

test('run continues a prompt, the same way for the same seed', async () => {
  const args = ['run', tiny, '-n', '12', '--seed', '7', '--threads', '1', '--quiet'];
  const [first, second] = await Promise.all([
    cli([...args, '-p', 'Once upon a time']),
    cli(args, { input: 'Once upon a time' }),
  ]);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stderr, '');
  assert.ok(first.stdout.trim().length > 10);
  assert.equal(second.stdout, first.stdout);
  const json = JSON.parse((await cli([...args, '-p', 'Once upon a time', '--json'])).stdout);
  assert.equal(json.text, first.stdout.slice(0, -1));
  assert.equal(json.generatedTokens, 12);
});

test('report writes one page from a saved run and does not overwrite', async () => {
  const run = join(folder, 'out.bitbudget.json');
  writeFileSync(run, JSON.stringify(sampleReport()));
  const { code, stdout, stderr } = await cli(['report', run]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim(), join(folder, 'out.report.html'));
  assert.match(readFileSync(stdout.trim(), 'utf8'), /^<!doctype html>/);
  await assertFails(['report', run], 2, /already exists; give --yes/);
  assert.match((await cli(['report', run, '--markdown'])).stdout, /out\.report\.md$/m);
  writeFileSync(run, '{"version":1}');
  await assertFails(['report', run, '-o', join(folder, 'other.html')], 1, /assignments is missing/);
  await assertFails(['report', join(folder, 'none.json')], 2, /cannot be read \(ENOENT\)/);
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`${signal} stops work and exits ${code}`, async () => {
    // A hub that never answers.
    const server = createServer(() => server.emit('asked')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { HF_ENDPOINT: `http://127.0.0.1:${port}`, HF_HUB_CACHE: folder, HF_HUB_OFFLINE: '' };
    const child = startCli(['pull', 'hf:someone/something'], { env });
    const asked = once(server, 'asked');
    const [result] = await Promise.all([child.result, asked.then(() => child.interrupt(signal))]);
    server.closeAllConnections();
    server.close();
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, /stopping, finished work is kept: the same command goes on from there/);
  });

test('formats lists the formats of a family or container, with what they cost and lose', async () => {
  const [family, held] = await Promise.all([
    cli(['formats', '--family', 'vector', '--json', '--quiet']),
    cli(['formats', '--held-by', 'GGUF', '--family', 'GGUF code book']),
    assertFails(['formats', '--family', 'integers'], 2, /--family integers: expected one of float, GGUF integer/),
    assertFails(['formats', '--held-by', 'zip'], 2, /--held-by zip: expected one of GGUF, safetensors/),
    assertFails(['formats', 'study', '--family', 'vector'], 2, /without "study"/),
  ]);
  assert.equal(family.code, 0, family.stderr);
  const { formats: rows } = JSON.parse(family.stdout) as {
    readonly formats: readonly { name: string; sqnr: { gaussian: number } }[];
  };
  assert.equal(rows.length, 22);
  assert.ok(rows.find(({ name }) => name === 'E8P')!.sqnr.gaussian > 10);
  assert.equal(held.code, 0, held.stderr);
  assert.match(held.stdout, /^IQ4_XS +GGUF code book +4\.25 /m);
  assert.doesNotMatch(held.stdout, /^Q4_K/m);
  const [written, all] = await Promise.all([cli(['formats', '--json']), cli(['formats', '--all', '--json'])]);
  const names = ({ stdout }: { stdout: string }) => JSON.parse(stdout).formats.map((row: { name: string }) => row.name);
  assert.ok(names(written).includes('Q4_K') && !names(written).includes('E8P'));
  assert.ok(names(all).includes('E8P') && names(all).length > 5 * names(written).length);
});

test('formats study compares on drawn and real tensors; other words are wrong usage', async () => {
  await assertFails(['formats', 'stody'], 2, /formats stody: expected "formats" or "formats study"/);
  await assertFails(['formats', '--model', tiny], 2, /--model belongs to "formats study"/);
  const { code, stdout, stderr } = await cli(['formats', 'study', '--json', '--quiet']);
  assert.equal(code, 0, stderr);
  const { schemaVersion, ...rest } = JSON.parse(stdout);
  assert.equal(schemaVersion, 1);
  const study = rest as Record<string, readonly Record<string, unknown>[]>;
  assert.deepEqual(Object.keys(study), ['fidelity', 'crossovers', 'rotation', 'embeddings']);
  assert.equal(study['crossovers'].length, 4);
  const vectors = study['embeddings'].find((row) => row['source'] === 'token_embd.weight')!;
  assert.ok((vectors['float8Recall'] as number) > (vectors['int8Recall'] as number));
});
