// How far is a file from its original?
import { evaluate } from 'bitbudget';

const original = 'node_modules/bitbudget-tiny';
const { kl, topAgreement } = await evaluate('tiny.gguf', { original, text: { tokens: 1024 } });
console.log(`KL ${kl.mean.toFixed(5)} ± ${kl.standardError.toFixed(5)}`);
console.log(`same likeliest token: ${(100 * topAgreement.mean).toFixed(1)} %`);
