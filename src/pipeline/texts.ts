import { UsageError } from '../core/errors.ts';
import type { TokenBatch } from '../measure/plan.ts';
import type { Model } from '../model/types.ts';
import { encodeCorpus, sharedRuns } from '../text/corpus.ts';
import { framed, frameOf } from '../text/frame.ts';
import { packSequences } from '../text/packing.ts';
import type { Tokenizer } from '../text/types.ts';
import type { Host, TextFile } from './host/types.ts';

/** Where text comes from: files the user named, or the package's own. */
export interface TextChoice {
  /** Files and folders: .txt, .jsonl, .json, .parquet, each also .gz; default the package's own books. */
  readonly files?: readonly TextFile[];
  /** Most tokens to use. */
  readonly tokens: number;
}

/** Context of measuring and of verifying, where the model's, or its sliding window, is not shorter. */
const SEQUENCE_LENGTH = 512;

/** The same of encoders: a paragraph, which is what they are mostly given. */
const TEXT_LENGTH = 128;

/** Tokens per sequence for measuring and evaluating this model. */
export function sequenceLength({ config }: Model): number {
  return Math.min(config.embedding === undefined ? SEQUENCE_LENGTH : TEXT_LENGTH, config.contextLength);
}

/** Windows that are judged at least, for intervals that say something: their spread is what intervals come from. */
const FEW_WINDOWS = 8;
/** Share of evaluation text in the calibration text from which on results are too good. */
const SHARED = 0.01;

/** Tokens of whole texts: several steps ask for the same. */
const encoded = new WeakMap<Tokenizer, Map<string, Promise<Int32Array>>>();

/** Numbers of blobs, which have no names of their own. */
const blobs = new WeakMap<Blob, number>();
let blobCount = 0;

function nameOf(file: TextFile): string | number {
  if (typeof file === 'string') return file;
  const number = blobs.get(file) ?? blobCount++;
  blobs.set(file, number);
  return number;
}

/** All tokens of files and folders, encoded once. @param special adds what stands before text and behind it */
function wholeText(
  host: Host,
  tokenizer: Tokenizer,
  files: readonly TextFile[],
  special: boolean,
): Promise<Int32Array> {
  const known = encoded.get(tokenizer) ?? new Map<string, Promise<Int32Array>>();
  encoded.set(tokenizer, known);
  const key = JSON.stringify([special, ...files.map(nameOf)]);
  const tokens = known.get(key) ?? host.corpus(files).then((corpus) => encodeCorpus(tokenizer, corpus, { special }));
  known.set(key, tokens);
  return tokens;
}

const calibrationFiles = ({ ownTexts }: Host, { files }: TextChoice) => files ?? [ownTexts.calibration];
const evaluationFiles = ({ ownTexts }: Host, { files }: TextChoice) => files ?? [ownTexts.evaluation];

/**
 * Sequences spread evenly over the calibration text.
 * @throws UsageError when the text is shorter than one sequence
 */
export async function calibrationTokens(
  host: Host,
  model: Model,
  choice: TextChoice,
  seed: number,
): Promise<TokenBatch> {
  const length = sequenceLength(model);
  const tokens = await wholeText(host, model.tokenizer, calibrationFiles(host, choice), false);
  refuseShort('calibration', tokens.length, length);
  const sequences = Math.max(2, Math.floor(Math.min(choice.tokens, tokens.length) / length));
  const frame = model.config.embedding && frameOf(model.tokenizer);
  const bos = frame === undefined && model.tokenizer.addBos ? model.tokenizer.bos : undefined;
  const batch = (count: number): TokenBatch => {
    const ids = packSequences(tokens, { length, count, seed, bos });
    for (let at = 0; frame !== undefined && at < ids.length; at += length) framed(ids.subarray(at, at + length), frame);
    return { sequences: count, length, ids };
  };
  const isMore = 2 * sequences * length <= tokens.length;
  return { ...batch(sequences), ...(isMore ? { more: () => batch(2 * sequences) } : {}) };
}

/**
 * The first tokens of the evaluation text.
 * @param length tokens per window
 * @throws UsageError when the text is shorter than one window
 */
export async function evaluationTokens(
  host: Host,
  model: Model,
  choice: TextChoice,
  length = sequenceLength(model),
): Promise<Int32Array> {
  return (await enoughEvaluationText(host, model, choice, length)).subarray(0, choice.tokens);
}

/** All of the evaluation text, of which there is enough for the choice. */
async function enoughEvaluationText(host: Host, model: Model, choice: TextChoice, length: number): Promise<Int32Array> {
  const tokens = await wholeText(
    host,
    model.tokenizer,
    evaluationFiles(host, choice),
    model.config.embedding === undefined,
  );
  refuseShort('evaluation', tokens.length, length);
  if (choice.tokens < length)
    throw new UsageError(`--evaluation-tokens: found ${choice.tokens}, expected at least one window of ${length}`);
  return tokens;
}

function refuseShort(what: 'calibration' | 'evaluation', tokens: number, length: number): void {
  if (tokens >= length) return;
  throw new UsageError(
    `${what} text: has ${tokens} tokens, expected at least one window of ${length}; give more text to --${what}`,
  );
}

/**
 * What to know of the texts before trusting what is measured on them: evaluation text that stands in the calibration
 * text too, or so little of it that intervals are wide. One line each; none when all is well.
 * @param calibration text that the model is, or was, measured on, where it is known
 * @param context tokens per window of the evaluation, default the model's
 * @throws UsageError when one of them is shorter than a window
 */
export async function textNotices(
  host: Host,
  model: Model,
  { calibration, evaluation, context }: { calibration?: TextChoice; evaluation?: TextChoice; context?: number },
): Promise<string[]> {
  const notices: string[] = [];
  if (calibration !== undefined) await calibrationTokens(host, model, calibration, 0);
  if (evaluation === undefined) return notices;
  const length = context ?? sequenceLength(model);
  const tokens = await evaluationTokens(host, model, evaluation, length);
  const windows = Math.floor(tokens.length / length);
  if (windows < FEW_WINDOWS) {
    notices.push(
      `evaluation text: ${windows} ${windows === 1 ? 'window' : 'windows'} of ${length} tokens, so intervals are wide; give ${FEW_WINDOWS} or more (--evaluation, --evaluation-tokens)`,
    );
  }
  if (calibration === undefined) return notices;
  const measured = await wholeText(host, model.tokenizer, calibrationFiles(host, calibration), false);
  const shared = sharedRuns(tokens, measured);
  if (shared >= SHARED) {
    notices.push(
      `evaluation text: ${(100 * shared).toFixed(0)} % of it is in the calibration text, so results look better than they are; give other text to --evaluation`,
    );
  }
  return notices;
}

/** Held-out text in two parts that share no window. */
export interface HeldOut {
  /** What results are measured on. */
  readonly judged: Int32Array;
  /** What predictions learn from; the same as `judged` where the text has no window left. */
  readonly probed: Int32Array;
  /** What searches decide on: those windows and the others that are not judged. */
  readonly searched: Int32Array;
}

/**
 * The first tokens of the evaluation text, of which about `choice.tokens` are judged, as many searched on, and half as many probed.
 * @param length tokens per window
 * @throws UsageError when the text is shorter than one window
 */
export async function heldOutTokens(
  host: Host,
  model: Model,
  choice: TextChoice,
  length = sequenceLength(model),
): Promise<HeldOut> {
  const tokens = (await enoughEvaluationText(host, model, choice, length)).subarray(0, 2 * choice.tokens);
  return holdOut(tokens, length, Math.floor(choice.tokens / length));
}

/** Tokens of a stretch of text: some pages, so that neighbouring stretches are alike, as chapters are not. */
const STRETCH = 1024;

/**
 * Stretches of text take turns: one is judged, the next searched on, and every second window of that probed. A text with too few
 * windows for that is judged as far as asked, what is left of it serves the others, and where nothing is left they see what is judged.
 * @param length tokens per window
 * @param most windows to judge, default half of them
 */
export function holdOut(tokens: Int32Array, length: number, most?: number): HeldOut {
  const available = Math.floor(tokens.length / length);
  const count = Math.min(most ?? Math.ceil(available / 2), available);
  if (available < 2 || count === available) return { judged: tokens, probed: tokens, searched: tokens };
  const stretch = Math.max(1, Math.round(STRETCH / length));
  const spare = Math.min(available, 2 * count) - count;
  const judged: number[] = [];
  const others: number[] = [];
  for (let w = 0; w < count + spare; w++) {
    const isTurn = Math.floor(w / stretch) % 2 === 0;
    const isJudged = isTurn ? judged.length < count : others.length >= spare;
    (isJudged ? judged : others).push(w);
  }
  const joined = (chosen: readonly number[]): Int32Array => {
    const part = new Int32Array(chosen.length * length);
    for (const [i, w] of chosen.entries()) part.set(tokens.subarray(w * length, (w + 1) * length), i * length);
    return part;
  };
  return { judged: joined(judged), probed: joined(others.filter((_, i) => i % 2 === 0)), searched: joined(others) };
}
