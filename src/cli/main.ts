#!/usr/bin/env node
// This file must load on old versions of Node, so that they get a clear line instead of a syntax error: it imports
// nothing statically.
const REQUIRED_NODE = 24;

if (Number.parseInt(process.versions.node, 10) < REQUIRED_NODE) {
  console.error(
    `bitbudget: Node ${process.versions.node} is too old, expected ${REQUIRED_NODE} or newer; install it from https://nodejs.org`,
  );
  process.exitCode = 1;
} else {
  const { runCli } = await import('./program.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}

export {};
