import type { TensorFile } from '../container/types.ts';
import { FormatError } from '../core/errors.ts';
import { asObject } from './config-fields.ts';
import type { EmbeddingConfig } from './types.ts';

/** What sentence-transformers puts behind a model's tokens, as a folder's `modules.json` tells. */
export interface SentenceModules {
  readonly pooling?: EmbeddingConfig['pooling'];
  /** Folders of linear layers, in their order: `2_Dense`. */
  readonly dense: readonly string[];
}

/** Reads a JSON file of the folder; undefined where there is none. */
type ReadJson = (path: string) => Promise<object | undefined>;

/**
 * The modules of a folder that sentence-transformers wrote; nothing where it did not.
 * @throws FormatError for poolings and layers that GGUF cannot say
 */
export async function sentenceModules(read: ReadJson): Promise<SentenceModules | undefined> {
  const modules = await read('modules.json');
  if (!Array.isArray(modules)) return undefined;
  let pooling: EmbeddingConfig['pooling'] | undefined;
  const dense: string[] = [];
  for (const each of modules) {
    const { type, path } = asObject(each, 'modules.json');
    const kind = /[^.]*$/.exec(String(type))![0];
    const config = (await read(`${path}/config.json`)) as Readonly<Record<string, unknown>> | undefined;
    if (kind === 'Pooling') pooling = poolingOf(config ?? {}, `${path}/config.json`);
    else if (kind === 'Dense') {
      refuseActivation(config ?? {}, `${path}/config.json`);
      dense.push(String(path));
    }
  }
  return { pooling, dense };
}

/** Poolings under the names of both of its layouts. */
const POOLINGS: Readonly<Record<string, EmbeddingConfig['pooling']>> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'cls',
  pooling_mode_lasttoken: 'last',
  mean: 'mean',
  cls: 'cls',
  lasttoken: 'last',
};

function poolingOf(config: Readonly<Record<string, unknown>>, subject: string): EmbeddingConfig['pooling'] {
  const asked = Object.entries(config).flatMap(([key, value]) => {
    if (key === 'pooling_mode') return [String(value)];
    return key.startsWith('pooling_mode_') && value === true ? [key] : [];
  });
  const found = asked.length === 1 ? POOLINGS[asked[0]] : undefined;
  if (found !== undefined) return found;
  throw new FormatError(
    `${subject}: pooling is ${asked.join(' and ') || 'none'}, expected one of mean, cls and lasttoken, which GGUF can say`,
  );
}

function refuseActivation(config: Readonly<Record<string, unknown>>, subject: string): void {
  const { activation_function: activation = 'Identity', bias } = config;
  if (bias === true || !/(?:^|\.)Identity$/.test(String(activation)))
    throw new FormatError(
      `${subject}: a layer with ${bias === true ? 'a bias' : String(activation)} is not supported; GGUF knows plain matrices`,
    );
}

/** A model's file with the linear layers of its modules beside it, as `2_Dense.linear.weight`. Closing it closes all. */
export function withModules(file: TensorFile, modules: ReadonlyMap<string, TensorFile>): TensorFile {
  const tensors = new Map(file.tensors);
  for (const [path, module] of modules)
    for (const [name, entry] of module.tensors) tensors.set(`${path}.${name}`, { ...entry, name: `${path}.${name}` });
  return {
    ...file,
    tensors,
    close: async () => {
      for (const each of [file, ...modules.values()]) await each.close();
    },
  };
}
