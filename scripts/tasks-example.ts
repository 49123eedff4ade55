/**
 * Makes assets/tasks/stories.jsonl from the package's evaluation text: which of four sentences goes on a passage, and which
 * word ends it. Usage: node scripts/tasks-example.ts (same output every time)
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Random } from '../src/core/random.ts';

const CHOICES = 160;
const WORDS = 60;
/** Sentences of a passage. */
const PASSAGE = 3;
const seed = 1;

const path = (name: string): string => fileURLToPath(new URL(`../assets/${name}`, import.meta.url));
const text = gunzipSync(readFileSync(path('text/evaluation.txt.gz'))).toString('utf8');
const wordsOf = (sentence: string): string[] => sentence.split(' ');

/** Paragraphs as lists of their sentences, blanks evened out. */
const paragraphs = text
  .split(/\n{2,}/)
  .map((paragraph) => paragraph.replace(/\s+/g, ' ').trim())
  .map((paragraph) => paragraph.match(/[^.!?]+[.!?]+["”’']*(?= |$)/g)?.map((sentence) => sentence.trim()) ?? []);

/** A passage with the sentence behind it. */
const passages = paragraphs.flatMap((sentences) =>
  sentences.slice(PASSAGE).map((next, i) => ({ before: sentences.slice(i, i + PASSAGE).join(' '), next })),
);
const usable = passages.filter(
  ({ before, next }) => before.length > 120 && before.length < 420 && /^[A-Z“"]/.test(next) && wordsOf(next).length > 5,
);

const random = new Random(seed);
const draw = <T>(items: readonly T[], count: number): T[] => {
  const left = [...items];
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0]);
};

/** The beginning of a sentence, so that choices are of like length. */
const beginning = (sentence: string): string => ` ${wordsOf(sentence).slice(0, 12).join(' ')}`;

const choices = draw(usable, CHOICES).map(({ before, next }) => {
  const others = draw(
    usable.filter((other) => other.next !== next),
    3,
  ).map((other) => beginning(other.next));
  const answer = random.integer(4);
  return { task: 'next sentence', prompt: before, choices: others.toSpliced(answer, 0, beginning(next)), answer };
});

/** Passages whose last word stands in them before. */
const endings = passages.flatMap(({ before, next }) => {
  const [, start, word] = /^(.* )([a-z]{4,})[.!?]["”’']*$/.exec(next) ?? [];
  const prompt = `${before} ${start ?? ''}`.trimEnd();
  const isKnown = word !== undefined && new RegExp(`\\b${word}\\b`).test(before);
  return isKnown && prompt.length < 480 ? [{ task: 'last word', prompt, answer: word }] : [];
});

const items = [...choices, ...draw(endings, WORDS)];
mkdirSync(path('tasks'), { recursive: true });
writeFileSync(path('tasks/stories.jsonl'), items.map((item) => `${JSON.stringify(item)}\n`).join(''));
console.log(`${choices.length} choices of ${usable.length} passages, ${WORDS} words of ${endings.length}`);
