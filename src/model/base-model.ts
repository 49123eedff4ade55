import type { MetadataValue } from '../container/types.ts';

/** `user/name` of a hub's repository. */
const REPOSITORY = /^[A-Za-z0-9_][\w.-]*\/[A-Za-z0-9_][\w.-]*$/;

/**
 * The model that a Hugging Face folder says it was made of: `base_model` of its model card, else `_name_or_path` of its
 * config.json where that is a hub's name.
 * @param card text of README.md
 */
export function baseModelOfFolder(card: string | undefined, config: object): string | undefined {
  const header = headerOf(card);
  const named = /^base_model:[ \t]*(?:\r?\n[ \t]*-[ \t]*)?["']?([^\s"'[\],]+)/m.exec(header ?? '')?.[1];
  const path = (config as Record<string, unknown>)['_name_or_path'];
  return [named, path].find((name): name is string => typeof name === 'string' && REPOSITORY.test(name));
}

/** The licence that a model card names, such as `apache-2.0`. @param card text of README.md */
export function licenseOfCard(card: string | undefined): string | undefined {
  return /^license:\s*["']?([\w.-]+)/m.exec(headerOf(card) ?? '')?.[1];
}

/** What stands between the lines of `---`. */
function headerOf(card: string | undefined): string | undefined {
  return /^---\r?\n([\s\S]*?)\r?\n---/.exec(card ?? '')?.[1];
}

/** The same of a GGUF file, by `general.base_model.0.*` or `general.source.*`. */
export function baseModelOfGguf(metadata: ReadonlyMap<string, MetadataValue>): string | undefined {
  for (const key of ['general.base_model.0.repo_url', 'general.source.huggingface.repository', 'general.source.url']) {
    const value = metadata.get(key);
    const name = typeof value === 'string' ? value.replace(/^https:\/\/(?:huggingface|hf)\.co\//, '') : '';
    if (REPOSITORY.test(name)) return name;
  }
  return undefined;
}
