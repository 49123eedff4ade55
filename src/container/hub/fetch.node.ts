import { setTimeout as delay } from 'node:timers/promises';
import type { DownloadOptions } from './download.node.ts';
import type { HubSettings, ProxySettings } from './settings.node.ts';

/** Statuses that pass: too many requests, and servers that are overloaded or being restarted. */
const PASSING = new Set([429, 500, 502, 503, 504]);
/** The longest wait, in s, that a server may ask for; the hub counts requests in spans of five minutes. */
const LONGEST_WAIT = 300;

/**
 * `fetch` with what the hub's library leaves out: abort, proxies, the token (sent to the hub alone, not to where it
 * redirects), and patience: what a server answers in passing (429, 5xx) is asked again when it says so (Retry-After),
 * else after delays that double. The last answer is given when it asks for more patience than there is.
 */
export async function hubFetch(settings: HubSettings, options: DownloadOptions): Promise<typeof fetch> {
  const { retries = 5, retryDelay = 1000, signal, onProgress } = options;
  const origin = new URL(settings.endpoint).origin;
  const send = settings.proxy === undefined ? fetch : await proxiedFetch(settings.proxy);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (settings.token !== undefined && url.origin === origin) headers.set('authorization', `Bearer ${settings.token}`);
    for (let failures = 0; ; failures++) {
      const response = await send(url, { ...init, headers, signal });
      if (!PASSING.has(response.status) || failures >= retries) return response;
      const wait = askedWait(response.headers) ?? (retryDelay / 1000) * 2 ** failures;
      if (wait > LONGEST_WAIT) return response;
      await response.body?.cancel();
      onProgress?.({ stage: 'waiting for the hub', done: 0, total: Math.ceil(wait), unit: 's' });
      await delay(1000 * wait, undefined, { signal });
    }
  };
}

/**
 * Seconds that a server asks to wait: Retry-After's number or date, else `t` of the hub's RateLimit.
 * @returns undefined when it says nothing
 */
export function askedWait(headers: Headers, now = Date.now()): number | undefined {
  const after = headers.get('retry-after');
  if (after !== null) {
    const seconds = /^\d+$/.test(after) ? Number(after) : (Date.parse(after) - now) / 1000;
    if (!Number.isNaN(seconds)) return Math.max(0, seconds);
  }
  const limit = /(?:^|;)\s*t=(\d+)/.exec(headers.get('ratelimit') ?? '');
  return limit === null ? undefined : Number(limit[1]);
}

async function proxiedFetch({ http, https, except }: ProxySettings): Promise<typeof fetch> {
  const { EnvHttpProxyAgent, fetch: send } = await import('undici');
  const dispatcher = new EnvHttpProxyAgent({ httpProxy: http, httpsProxy: https, noProxy: except });
  const proxied = (input: string | URL, init?: object) => send(input, { ...init, dispatcher });
  return proxied as unknown as typeof fetch;
}
