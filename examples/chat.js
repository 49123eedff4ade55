// Answers a conversation. Chat models bring a template of their own; this is none, and gets one.
import { chat } from 'bitbudget';

const messages = [
  { role: 'system', content: 'You tell stories.' },
  { role: 'user', content: 'Tell me of a snail.' },
];
const template = `{% for message in messages %}{{ message.content }}\n{% endfor %}`;
for await (const text of chat('tiny.gguf', messages, { template, maxTokens: 40 }))
  process.stdout.write(text);
console.log();
