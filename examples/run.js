// Continues a text, as it comes.
import { run } from 'bitbudget';

for await (const text of run('tiny.gguf', 'Once upon a time', { maxTokens: 40 }))
  process.stdout.write(text);
console.log();
