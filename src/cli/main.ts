#!/usr/bin/env node
// This file must load on old versions of Node, so that they get a clear line instead of a syntax error: beside the check
// it imports nothing statically.
import { nodeProblem } from '../core/node-version.node.ts';

if (nodeProblem !== undefined) {
  console.error(nodeProblem);
  process.exitCode = 1;
} else {
  const { runCli } = await import('./program.ts');
  process.exitCode = await runCli(process.argv.slice(2));
}
