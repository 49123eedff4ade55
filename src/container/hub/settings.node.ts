import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.ts';

/** How the hub is reached, as every tool of the ecosystem is told: by the environment. */
export interface HubSettings {
  readonly cacheFolder: string;
  /** Default https://huggingface.co. */
  readonly endpoint: string;
  readonly token?: string;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
  /** Proxies that requests go through; none when undefined. */
  readonly proxy?: ProxySettings;
}

export interface ProxySettings {
  /** For http:// addresses. */
  readonly http?: string;
  /** For https:// addresses. */
  readonly https?: string;
  /** Hosts that are reached without one, as NO_PROXY lists them. */
  readonly except?: string;
}

/**
 * HF_HUB_CACHE > HUGGINGFACE_HUB_CACHE > HF_HOME/hub > XDG_CACHE_HOME/huggingface/hub > ~/.cache/huggingface/hub;
 * HF_TOKEN, else the file HF_TOKEN_PATH or HF_HOME/token; HF_ENDPOINT; HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE;
 * HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, each in small letters too, which count first as in curl.
 * @throws UsageError when an address is none
 * @see huggingface_hub, docs/package_reference/environment_variables
 */
export async function hubSettings(environment: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_ENDPOINT } =
    environment;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const token = HF_TOKEN || (await readFile(HF_TOKEN_PATH || join(home, 'token'), 'utf8').catch(() => '')).trim();
  const isTrue = (value: string | undefined): boolean => /^(?:1|on|yes|true)$/i.test(value ?? '');
  const endpoint = (HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  checkAddress('HF_ENDPOINT', endpoint);
  const proxy = proxySettings(environment);
  return {
    cacheFolder: HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, 'hub'),
    endpoint,
    ...(token === '' ? {} : { token }),
    offline: isTrue(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
    ...(proxy && { proxy }),
  };
}

function proxySettings(environment: NodeJS.ProcessEnv): ProxySettings | undefined {
  const read = (name: string): string | undefined => environment[name] || environment[name.toUpperCase()] || undefined;
  const address = (name: string): string | undefined => {
    const value = read(name) ?? read('all_proxy');
    if (value === undefined) return undefined;
    // curl takes an address without a scheme.
    const full = value.includes('://') ? value : `http://${value}`;
    checkAddress(read(name) === undefined ? 'ALL_PROXY' : name.toUpperCase(), full);
    return full;
  };
  const [http, https] = [address('http_proxy'), address('https_proxy')];
  if (http === undefined && https === undefined) return undefined;
  return { http, https, except: read('no_proxy') };
}

function checkAddress(name: string, address: string): void {
  if (/^https?:$/.test(URL.parse(address)?.protocol ?? '')) return;
  // A proxy's address may hold a password.
  const shown = address.replace(/\/\/[^@/]*@/, '//…@');
  throw new UsageError(
    `${name}: found ${shown}, expected an address that starts with http:// or https://; correct or unset it`,
  );
}
