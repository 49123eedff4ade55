import { HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { BitbudgetError } from '../../core/errors.ts';
import { isCommit } from './cache.node.ts';
import type { DownloadOptions } from './download.node.ts';
import { askedWait, hubFetch } from './fetch.node.ts';
import type { HubModelId } from './model-id.ts';
import type { HubSettings } from './settings.node.ts';

export interface ListedFile {
  readonly byteLength: number;
  readonly digest: string;
}

/** The hub answers that it cannot now. */
export class HubBusyError extends BitbudgetError {
  override name = 'HubBusyError';
  /** The reason, and when to try again. */
  readonly why: string;

  constructor(subject: string, why: string, options: ErrorOptions) {
    super(`${subject}: ${why}; what has arrived is kept`, options);
    this.why = why;
  }
}

/** The hub has no such model, or does not show it; or the cache has none. */
export class HubMissingError extends BitbudgetError {
  override name = 'HubMissingError';
}

/** The three questions asked of the hub, with its failures put into one line. */
export interface HubClient {
  /** The commit that the model's revision stands at. */
  commit(): Promise<string>;
  /** Files of a commit by their paths. */
  files(commit: string): Promise<Map<string, ListedFile>>;
  /** A file's bytes from an offset on. */
  open(commit: string, path: string, offset: number): Promise<ReadableStream<Uint8Array>>;
}

export async function hubClient(id: HubModelId, settings: HubSettings, options: DownloadOptions): Promise<HubClient> {
  const send = await hubFetch(settings, options);
  const common = { hubUrl: settings.endpoint, fetch: send };
  return {
    async commit() {
      const revision = id.revision ?? 'main';
      const { sha } = await asked(id, () =>
        modelInfo({ ...common, name: id.repo, revision, additionalFields: ['sha'] }),
      );
      if (typeof sha !== 'string' || !isCommit(sha))
        throw new BitbudgetError(`${id.repo}: the hub names no commit for ${revision}`);
      return sha;
    },
    async files(commit) {
      const files = new Map<string, ListedFile>();
      await asked(id, async () => {
        for await (const entry of listFiles({ ...common, repo: id.repo, revision: commit, recursive: true })) {
          if (entry.type !== 'file') continue;
          const digest = entry.lfs?.oid ?? entry.oid ?? '';
          files.set(entry.path, { byteLength: entry.lfs?.size ?? entry.size, digest });
        }
      });
      return files;
    },
    // Plain HTTP instead of the library's Xet: only there a transfer can be continued at any byte, and names may hold
    // any character.
    async open(commit, path, offset) {
      const escaped = path.split('/').map(encodeURIComponent).join('/');
      const headers = { 'accept-encoding': 'identity', ...(offset > 0 && { range: `bytes=${offset}-` }) };
      const response = await send(`${settings.endpoint}/${id.repo}/resolve/${commit}/${escaped}`, { headers });
      if (response.ok && response.status === (offset > 0 ? 206 : 200) && response.body !== null) return response.body;
      await response.body?.cancel();
      if (response.ok) throw new Error(`the server ignored the range from byte ${offset} on`);
      throw failure(id, response.status, response.headers, path);
    },
  };
}

async function asked<T>(id: HubModelId, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof HubApiError)) throw error;
    throw failure(id, error.statusCode, new Headers(), undefined, error);
  }
}

/** What a status means for the user. @param path of a file that was asked for */
function failure(id: HubModelId, status: number, headers: Headers, path?: string, cause?: unknown): BitbudgetError {
  const subject = path === undefined ? id.repo : `${id.repo}: ${path}`;
  if (status === 401 || status === 403) {
    return new HubMissingError(
      `${subject}: the hub refuses access (${status}); it may not exist, or be private or gated: accept its licence on the hub and set HF_TOKEN`,
      { cause },
    );
  }
  if (status === 404) {
    const revision = id.revision === undefined ? '' : ` or no revision ${id.revision}`;
    const missing = path === undefined ? `the hub has no such model${revision}` : 'is listed but cannot be fetched';
    return new HubMissingError(`${subject}: ${missing}; check its name on the hub`, { cause });
  }
  if (status === 429 || status >= 500) {
    const wait = askedWait(headers);
    const when = wait === undefined ? 'later' : `in ${Math.ceil(wait)} s`;
    const why = status === 429 ? 'the hub gets too many requests (429)' : `the hub is not available (${status})`;
    return new HubBusyError(subject, `${why}, run again ${when}`, { cause });
  }
  return new BitbudgetError(`${subject}: the hub answered ${status}; check HF_ENDPOINT and try again`, { cause });
}
