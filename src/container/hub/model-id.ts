import { UsageError } from '../../core/errors.ts';

/** A model on the Hugging Face hub, or one file of it. */
export interface HubModelId {
  /** `user/name` */
  readonly repo: string;
  /** Branch, tag or commit; default the main branch. */
  readonly revision?: string;
  /** One file, by its path in the repository. */
  readonly file?: string;
  /** Label of a GGUF variant: `Q4_K_M`. */
  readonly quant?: string;
  /** Written with `hf:`, `hf.co/` or a URL, so that no local path can be meant. */
  readonly explicit: boolean;
}

const prefix = /^(?:hf:|(?:https?:\/\/)?(?:www\.)?(?:hf\.co|huggingface\.co)\/)/;
const namePart = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/**
 * Parses the ways in which people write models of the hub:
 *
 *     hf:user/repo   hf:user/repo:Q4_K_M   hf:user/repo/sub/file.gguf#branch
 *     hf.co/user/repo:Q4_K_M   https://huggingface.co/user/repo/resolve/main/file.gguf   user/repo[:Q4_K_M]
 *
 * @returns undefined when the text is something else: a path
 * @throws UsageError when a prefix says that a model of the hub is meant, but none is named
 */
export function parseModelId(text: string): HubModelId | undefined {
  const start = prefix.exec(text)?.[0].length ?? 0;
  const explicit = start > 0;
  const body = text.slice(start);
  const id = parseBody(/^https?:/.test(text) ? body.replace(/\?.*$/, '') : body, explicit);
  if (id === undefined && explicit) {
    throw new UsageError(
      `${text}: names no model; expected hf:user/repo, hf:user/repo:QUANT or hf:user/repo/file.gguf#branch`,
    );
  }
  return id;
}

function parseBody(body: string, explicit: boolean): HubModelId | undefined {
  const [path, branch] = splitBranch(body);
  const [user, name, ...rest] = path.split('/');
  if (name === undefined || (rest.length > 0 && !explicit)) return undefined;
  const [repoName, quant] = split(name, ':');
  if (!isNamePart(user) || !isNamePart(repoName) || quant === '' || branch === '') return undefined;
  const repo = `${user}/${repoName}`;
  if (rest.length === 0) return { repo, explicit, ...given({ quant, revision: branch }) };
  if (quant !== undefined) return undefined;
  // The hub's own URLs of a file: /resolve/BRANCH/path and /blob/BRANCH/path.
  const isUrl = (rest[0] === 'resolve' || rest[0] === 'blob') && rest.length >= 3;
  const revision = branch ?? (isUrl ? decoded(rest[1]) : undefined);
  const file = isUrl ? rest.slice(2).map(decoded).join('/') : rest.join('/');
  return { repo, explicit, file: checkRepoPath(repo, file), ...given({ revision }) };
}

/** The branch stands behind the last `#`, unless that is part of a file's name. */
function splitBranch(body: string): [path: string, branch: string | undefined] {
  const at = body.lastIndexOf('#');
  return at < 0 || /\.gguf$/i.test(body.slice(at)) ? [body, undefined] : [body.slice(0, at), body.slice(at + 1)];
}

/** A part of a URL as it was before it was escaped; as it is where it is no such. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isNamePart(text: string): boolean {
  return namePart.test(text) && !text.includes('--') && !text.includes('..');
}

function split(text: string, mark: string): [before: string, after: string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function given<T extends Record<string, string | undefined>>(fields: T): Partial<{ [K in keyof T]: string }> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<{
    [K in keyof T]: string;
  }>;
}

/** A path inside a repository that stays inside a folder it is joined to. Throws UsageError otherwise. */
export function checkRepoPath(repo: string, path: string): string {
  const parts = path.split('/');
  if (path.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new UsageError(`${repo}: ${JSON.stringify(path)} is no path inside a repository`);
  }
  return path;
}
