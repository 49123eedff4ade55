/** Under which names a Hugging Face checkpoint keeps the tensors of its language model. */
export interface CheckpointNames {
  /**
   * What stands before `layers.0.…`: `model.`; nothing where the inner model was saved alone; more where it is a part of a
   * larger one or was saved inside a wrapper.
   */
  readonly prefix: string;
  /** Name of the output head; undefined when there is none. */
  readonly head?: string;
}

/** Before the first block of a stack of layers. */
const FIRST = /^(.*\.)?layers\.0\./;
const INNER = 'model.';
const HEAD = 'lm_head.weight';

/**
 * @param tensors by the names of the file
 * @param anchor one of them, without what stands before it; default: the first block of a stack called `layers`
 */
export function checkpointNames(tensors: ReadonlyMap<string, unknown>, anchor?: string): CheckpointNames {
  const beforeAnchor = (name: string): string | undefined => {
    if (anchor === undefined) return FIRST.exec(name) === null ? undefined : (FIRST.exec(name)?.[1] ?? '');
    return name === anchor || name.endsWith(`.${anchor}`) ? name.slice(0, -anchor.length) : undefined;
  };
  const prefixes = [...new Set([...tensors.keys()].map(beforeAnchor))].filter((before) => before !== undefined);
  // A model of several parts may have another stack of such layers.
  const preferred = [INNER, '', ...prefixes.filter((prefix) => /language|text|llm/.test(prefix)), ...prefixes];
  const prefix = preferred.find((each) => prefixes.includes(each)) ?? INNER;
  const outer = prefix.endsWith(INNER) ? prefix.slice(0, -INNER.length) : prefix;
  const heads = ['', outer, prefix].map((before) => `${before}${HEAD}`);
  return { prefix, head: heads.find((name) => tensors.has(name)) };
}

/** Name in the file of a tensor that Transformers calls `model.…` or `lm_head.weight`. */
export function nameInFile(huggingFace: string, { prefix, head }: CheckpointNames): string {
  if (huggingFace.startsWith(INNER)) return prefix + huggingFace.slice(INNER.length);
  return huggingFace === HEAD ? (head ?? HEAD) : huggingFace;
}
