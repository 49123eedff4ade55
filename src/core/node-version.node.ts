/*
 * Loads on any version of Node that knows modules: what comes with newer versions must not stand here, nor be imported
 * by anything that is loaded before this file has spoken.
 */

/** Oldest version that works: docs/decisions/008-node-24.md. */
const REQUIRED = 24;

const version = process.versions.node;

/** One line for those whose Node is too old; undefined where it is not. */
export const nodeProblem: string | undefined =
  Number.parseInt(version, 10) < REQUIRED
    ? `bitbudget: Node ${version} is too old, expected ${REQUIRED} or newer; ` +
      `get it with \`npm install node@${REQUIRED}\`, which npx and npm run then use, or from https://nodejs.org`
    : undefined;
