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

/** A tensor that nearly every decoder has. */
const FIRST = 'layers.0.input_layernorm.weight';
const INNER = 'model.';
const HEAD = 'lm_head.weight';

/**
 * @param tensors by the names of the file
 * @param anchor one of them, without what stands before it
 */
export function checkpointNames(tensors: ReadonlyMap<string, unknown>, anchor = FIRST): CheckpointNames {
  const prefixes = [...tensors.keys()]
    .filter((name) => name === anchor || name.endsWith(`.${anchor}`))
    .map((name) => name.slice(0, -anchor.length));
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
