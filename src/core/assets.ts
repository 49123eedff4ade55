/**
 * Files of this package that are fetched while it runs, by their names: `kernels.simd.wasm`, `kernel-thread.js`,
 * `calibration.txt.gz`, `highs.wasm`, …
 */
export type AssetLocator = (name: string) => string | URL;

let locator: AssetLocator | undefined;

/**
 * Says where the files that this package fetches are served, for bundlers that do not find them beside the code (esbuild). They lie in
 * `build/` and `assets/text/` of this package, and `highs.wasm` in `highs/build/`: copy them into one folder of your site. Call it before
 * anything else, in every worker.
 * @param folder address of that folder, such as `/bitbudget/`; or a function from a file's name to its address
 */
export function locateAssets(folder: string | URL | AssetLocator): void {
  if (typeof folder === 'function') locator = folder;
  else {
    const base = new URL(String(folder).replace(/\/?$/, '/'), globalThis.location?.href);
    locator = (name) => new URL(name, base);
  }
}

/** Where a file was said to be; undefined where nothing was said. */
export function locatedAsset(name: string): URL | undefined {
  return locator && new URL(locator(name), globalThis.location?.href);
}
