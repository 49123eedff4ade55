/**
 * Makes assets/text/calibration.txt.gz and assets/text/evaluation.txt.gz from the shared stories.
 * Usage: node scripts/calibration-text.ts (needs ../shared beside the repository; same output every time)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Random } from '../src/core/random.ts';

const excerptCount = 150;
const excerptBytes = 8000;
const seed = 1;

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const story = (name: string): string =>
  gunzipSync(readFileSync(path(`../../shared/text/stories-${name}.txt.gz`))).toString('utf8');

const paragraphs = story('train').split(/\n{2,}/);
// Paragraph i starts at starts[i] characters of the text without its blank lines.
const starts: number[] = [];
let total = 0;
for (const paragraph of paragraphs) {
  starts.push(total);
  total += paragraph.length;
}

const random = new Random(seed);
const excerpts: string[] = [];
let next = 0;
for (let excerpt = 0; excerpt < excerptCount; excerpt++) {
  // One excerpt per stratum, its place inside the stratum random, so that every book has its share.
  const wanted = ((excerpt + random.uniform()) / excerptCount) * total;
  while (next < paragraphs.length && starts[next] < wanted) next++;
  let taken = 0;
  while (next < paragraphs.length && taken < excerptBytes) {
    excerpts.push(paragraphs[next]);
    taken += paragraphs[next].length;
    next++;
  }
}

const write = (name: string, text: string): void => {
  writeFileSync(path(`../assets/text/${name}.txt.gz`), gzipSync(text, { level: 9 }));
  process.stdout.write(`${name}: ${Buffer.byteLength(text)} bytes of text\n`);
};
write('calibration', `${excerpts.join('\n\n')}\n`);
write('evaluation', story('eval'));
