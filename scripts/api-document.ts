/**
 * Writes docs/api.md from the docstrings of what the package exports: `node scripts/api-document.ts`. A test compares. Declarations are
 * shown as the source has them, since they are what a reader types against.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** What somebody who imports the package finds under a name. */
export interface Exported {
  readonly name: string;
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'const';
  /** Below the repository. */
  readonly file: string;
  /** Text of the docstring without its stars; empty where there is none. */
  readonly doc: string;
  /** As it is written: of functions the signature, of classes what is public. */
  readonly declaration: string;
}

/** Everything that a module exports, in the order of its names. @param file below the repository */
export function exportsOf(file: string): Exported[] {
  const found = new Map<string, Exported>();
  const source = readFileSync(join(root, file), 'utf8');
  const resolved = (specifier: string): string => join(dirname(file), specifier);
  for (const [, specifier] of source.matchAll(/^export (?:type )?\* from '([^']+)';$/gm))
    for (const each of exportsOf(resolved(specifier))) found.set(each.name, each);
  for (const [, names, specifier] of source.matchAll(/^export (?:type )?\{([^}]+)\} from '([^']+)';$/gm)) {
    for (const part of names.split(',').map((name) => name.trim().replace(/^type /, ''))) {
      if (part === '') continue;
      const [original, name = original] = part.split(' as ');
      found.set(name, { ...declared(resolved(specifier), original), name });
    }
  }
  for (const [, name] of source.matchAll(DECLARATIONS)) found.set(name, declared(file, name));
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const DECLARATIONS = /^export (?:async )?(?:function\*?|interface|type|class|const) (\w+)/gm;

/** A declaration of a file, or what the file has from another under that name. */
function declared(file: string, name: string): Exported {
  const source = readFileSync(join(root, file), 'utf8');
  const pattern = new RegExp(
    `(?:^/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n)?^export (?:async )?(function\\*?|interface|type|class|const) ${name}\\b`,
    'm',
  );
  const match = pattern.exec(source);
  if (match === null) {
    const passed = exportsElsewhere(file, source, name);
    if (passed !== undefined) return passed;
    throw new Error(`${file}: has no declaration of ${name}`);
  }
  const [whole, comment = '', keyword] = match;
  const kind = keyword.replace('*', '') as Exported['kind'];
  const start = match.index + whole.lastIndexOf('export ');
  const doc = comment.replace(/^\s*\* ?/gm, '').trim();
  return { name, kind, file, doc, declaration: declarationText(source.slice(start), kind) };
}

function exportsElsewhere(file: string, source: string, name: string): Exported | undefined {
  for (const [, names, specifier] of source.matchAll(/^(?:import|export) (?:type )?\{([^}]+)\} from '([^']+)';$/gm))
    if (names.split(',').some((part) => part.trim().replace(/^type /, '') === name))
      return declared(join(dirname(file), specifier), name);
  return undefined;
}

/** What stands at the beginning of a text: a signature, or a whole declaration. */
function declarationText(text: string, kind: Exported['kind']): string {
  if (kind === 'function') {
    const end = text.search(/ \{\n/);
    return text.slice('export '.length, end).replace(/^async /, '');
  }
  if (kind === 'const') return text.slice('export '.length, text.search(/ =|;/));
  if (kind === 'class') return classText(text.slice(0, text.search(/^\}/m)));
  const end = kind === 'interface' ? text.search(/^\}/m) + 1 : text.search(/;\n(?! )/);
  return text.slice('export '.length, end);
}

/** Fields and the signature of the constructor. */
function classText(text: string): string {
  const [head] = text.slice('export '.length).split('\n', 1);
  const constructorStart = text.indexOf('  constructor');
  const fields = text.slice(text.indexOf('\n') + 1, constructorStart).trimEnd();
  const signature = /^ {2}constructor[\s\S]*?\) \{/m.exec(text)?.[0].replace(/ \{$/, '') ?? '';
  return [head, fields, signature, '}'].filter((part) => part !== '').join('\n');
}

/** Parts of a docstring: its text, and what its tags say. */
export interface DocParts {
  readonly text: string;
  readonly params: ReadonlyMap<string, string>;
  readonly returns?: string;
  readonly throws?: string;
}

/** Takes a docstring apart. */
export function docParts(doc: string): DocParts {
  const [text, ...tags] = doc.split(/(?:^|\s)@(?=param |returns |throws |see )/);
  const joined = (part: string): string => part.replace(/\s+/g, ' ').trim();
  const params = new Map<string, string>();
  const rest: Record<string, string> = {};
  for (const tag of tags) {
    const [, kind, body] = /^(\w+) ([\s\S]*)$/.exec(tag) ?? [];
    if (kind === 'param') params.set(/^[\w.]+/.exec(body)![0], joined(body.replace(/^[\w.]+/, '')));
    else rest[kind] = joined(body);
  }
  return { text: text.trim(), params, returns: rest['returns'], throws: rest['throws'] };
}

/** Names of a function's parameters; those taken apart have none. */
export function parametersOf({ declaration }: Exported): (string | undefined)[] {
  const list = declaration.slice(declaration.indexOf('(') + 1, closing(declaration, declaration.indexOf('(')));
  return splitTop(list).map((part) => /^\w+/.exec(part.trim())?.[0]);
}

function closing(text: string, from: number): number {
  for (let i = from, depth = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')' && --depth === 0) return i;
  }
  return text.length;
}

function splitTop(list: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (let i = 0; i <= list.length; i++) {
    if ('({[<'.includes(list[i] ?? '\0')) depth++;
    if (')}]'.includes(list[i] ?? '\0') || (list[i] === '>' && list[i - 1] !== '=')) depth--;
    if (i < list.length && !(list[i] === ',' && depth === 0)) continue;
    if (list.slice(start, i).trim() !== '') parts.push(list.slice(start, i));
    start = i + 1;
  }
  return parts;
}

const ENTRIES = [
  { title: '`bitbudget`', file: 'src/node.ts' },
  { title: '`bitbudget/browser`', file: 'src/browser.ts' },
] as const;

/** Files whose exports the document tells of in full, and the one whose functions and values are listed. */
export const documented = ENTRIES.map(({ file }) => file);
export const parts = 'src/parts.node.ts';

/** What is listed of the parts. */
export function partsOf(): Exported[] {
  return exportsOf(parts).filter(({ kind }) => kind !== 'interface' && kind !== 'type');
}

/** The document. */
export function apiDocument(): string {
  const [node, browser] = ENTRIES.map(({ file }) => exportsOf(file));
  const functions = (list: readonly Exported[]) => list.filter(({ kind }) => kind === 'function');
  const own = browser.filter(({ name, file }) => node.find((each) => each.name === name)?.file !== file);
  const types = [...new Map([...node, ...browser].map((each) => [each.name, each])).values()].filter(
    ({ kind }) => kind !== 'function',
  );
  return `${[
    '# The library',
    'Made from the docstrings by `node scripts/api-document.ts`. [Examples](../examples/README.md) show every function at work.',
    'Long work takes `signal` to be stopped by, and `onProgress` to tell where it is. Errors that a caller can act on are of class `BitbudgetError`; their `code` is stable:',
    CODES,
    '## `bitbudget`, in Node',
    ...functions(node).map(functionText),
    '## `bitbudget/browser`, in a worker of a page',
    'The same names for the same work. What is otherwise:',
    ...functions(own).map((each) => (isTwin(each, node) ? twinText(each) : functionText(each))),
    '## Types and errors',
    ...types.sort((a, b) => (a.name < b.name ? -1 : 1)).map(typeText),
    '## `bitbudget/parts`',
    'What the library is made of, for those who put it together otherwise. These follow the source, and change with it.',
    partsTable(partsOf()),
  ].join('\n\n')}\n`;
}

const CODES = `| code | what happened |
|---|---|
| \`usage\` | an argument is wrong, or a file is not there |
| \`format\` | a file is damaged, or of a kind that is not supported |
| \`budget\` | no file can keep to the budget; the message says what can be had |
| \`storage\`, \`network\`, \`assets\` | in browsers: no room, no answer, the package's files are not served |
| \`failed\` | anything else that the message tells |`;

/** A function of both entries that takes and does the same. */
function isTwin({ name, declaration }: Exported, others: readonly Exported[]): boolean {
  return others.find((each) => each.name === name)?.declaration === declaration;
}

function twinText({ name, doc }: Exported): string {
  return `- \`${name}\`: \`source\` is ${docParts(doc).params.get('source') ?? 'the same'}.`;
}

function functionText(each: Exported): string {
  const { text, params, returns, throws } = docParts(each.doc);
  const rows = [...params].map(([name, what]) => `- \`${name}\`: ${what}`);
  if (returns !== undefined) rows.push(`- returns ${returns}`);
  if (throws !== undefined) rows.push(`- throws ${throws}`);
  return [`### \`${each.name}\``, flow(text), fenced(each.declaration), rows.join('\n')].join('\n\n');
}

function typeText({ name, doc, declaration }: Exported): string {
  return [`### \`${name}\``, flow(docParts(doc).text), fenced(declaration)].filter((part) => part !== '').join('\n\n');
}

function partsTable(list: readonly Exported[]): string {
  const first = (doc: string): string =>
    flow(docParts(doc).text)
      .split(/(?<=\.)\s/)[0]
      .replaceAll('|', '\\|');
  const rows = list.map(({ name, kind, doc }) => `| \`${name}\` | ${kind} | ${first(doc)} |`);
  return ['| name | kind | what it is |', '|---|---|---|', ...rows].join('\n');
}

const fenced = (code: string): string => `\`\`\`ts\n${code}\n\`\`\``;
/** Paragraphs in one line each; indented ones are code. */
const flow = (text: string): string =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) => (/^ {4}/.test(paragraph) ? paragraph : paragraph.replace(/\s*\n\s*/g, ' ')))
    .join('\n\n');

/** Where the document lies. */
export const documentPath = join(root, 'docs/api.md');

if (import.meta.main) {
  const before = existsSync(documentPath) ? readFileSync(documentPath, 'utf8') : '';
  const document = apiDocument();
  if (document !== before) writeFileSync(documentPath, document);
  console.log(document === before ? 'docs/api.md is as it should be' : 'docs/api.md is written');
}
