import { nodeProblem } from './node-version.node.ts';

// Imported first by the library: others of its files use what older versions of Node do not have.
if (nodeProblem !== undefined) throw new Error(nodeProblem);
