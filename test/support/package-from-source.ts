/** Makes programs that import the package run on its source: `node --import …/package-from-source.ts program.js`. */
import { registerHooks } from 'node:module';

const ENTRIES: Readonly<Record<string, string>> = {
  bitbudget: '../../src/node.ts',
  'bitbudget/browser': '../../src/browser.ts',
  'bitbudget/parts': '../../src/parts.node.ts',
};

registerHooks({
  resolve: (specifier, context, next) => {
    const entry = ENTRIES[specifier];
    return entry === undefined
      ? next(specifier, context)
      : { url: new URL(entry, import.meta.url).href, shortCircuit: true };
  },
});
