/**
 * Runs benches, one process each: `npm run bench` all of them, `npm run bench -- solvers packed --quick` those named,
 * with the flags passed on.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const known = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== basename(import.meta.url))
  .map((file) => basename(file, '.ts'))
  .sort();
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const unknown = wanted.find((name) => !known.includes(name));

if (unknown !== undefined) {
  console.error(`bench ${unknown}: no such bench, expected some of ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of wanted.length > 0 ? wanted : known) {
    console.log(`\n── ${name} ──`);
    const { status } = spawnSync(process.execPath, [`${folder}/${name}.ts`, ...flags], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}
