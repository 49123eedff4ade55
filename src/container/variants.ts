/** One model among the .gguf files of a repository or folder. */
export interface GgufVariant {
  /** Its file, or the first of its shards as listed. */
  readonly file: string;
  /** `UD-Q4_K_XL`; undefined when its name has no such label. */
  readonly label?: string;
  /** The name without label and shard number: variants of one model have it in common. */
  readonly base: string;
}

/** What a model is wanted for: to be run, where a small variant serves best, or as the original of something. */
export type ModelPurpose = 'run' | 'original';

const label = /(?:^|[-_.])((?:UD-)?(?:I?Q\d\w*|TQ\d_0|MXFP4\w*|NVFP4|BF16|F16|F32))$/i;
const shard = /-(\d{5})-of-(\d{5})$/;

/** Label of the variant in a GGUF file's name: `UD-Q4_K_XL`; undefined when it has none. */
export function quantLabel(path: string): string | undefined {
  return label.exec(stemOf(path))?.[1].toUpperCase();
}

/** Number of shards in a file's name: `model-00001-of-00003.gguf`; undefined for a file of its own. */
export function shardsOf(path: string): { readonly base: string; readonly number: number; count: number } | undefined {
  const stem = path.replace(/\.gguf$/i, '');
  const match = shard.exec(stem);
  return match === null
    ? undefined
    : { base: stem.slice(0, match.index), number: Number(match[1]), count: Number(match[2]) };
}

/** The models among files: vision projectors, draft heads and importance matrices are GGUF files too. */
export function ggufVariants(paths: readonly string[]): GgufVariant[] {
  return paths
    .filter((path) => isModelName(path) && (shardsOf(path)?.number ?? 1) === 1)
    .sort()
    .map((file) => ({ file, label: quantLabel(file), base: stemOf(file).replace(label, '').toLowerCase() }));
}

function isModelName(path: string): boolean {
  const name = path.replace(/^.*\//, '');
  return /\.gguf$/i.test(name) && !/^mtp-|mmproj|imatrix/i.test(name);
}

function stemOf(path: string): string {
  return path
    .replace(/^.*\//, '')
    .replace(/\.gguf$/i, '')
    .replace(shard, '');
}

/**
 * The variant that lost least of the original, told by their labels; undefined when names do not tell: they are of several
 * models, or one without a label stands beside quantized ones.
 */
export function mostExact(variants: readonly GgufVariant[]): GgufVariant | undefined {
  if (variants.length < 2) return variants[0];
  if (new Set(variants.map(({ base }) => base)).size > 1) return undefined;
  const [best] = [...variants].sort((a, b) => exactness(b) - exactness(a) || (a.file < b.file ? -1 : 1));
  const isKnown = variants.every((variant) => variant.label !== undefined);
  return isKnown || exactness(best) >= FLOAT_BITS ? best : undefined;
}

const FLOAT_BITS = 16;
const SIZES = ['_S', '_M', '_L', '_XL'];

/** Bits that a label names; F16 before BF16, since bfloat16 weights of usual size are exact in it; then S, M, L. */
function exactness({ label: name = '' }: GgufVariant): number {
  const bits = Number(/\d+/.exec(name)?.[0] ?? 0);
  const size = SIZES.findIndex((suffix) => name.endsWith(suffix)) + 1;
  return bits + (name === 'F16' ? 0.5 : 0) + size / 100;
}
