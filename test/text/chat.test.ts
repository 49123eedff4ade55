import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BitbudgetError, FormatError } from '../../src/core/errors.ts';
import { renderChat } from '../../src/text/chat.ts';
import { needsShared, shared } from '../support/shared.ts';

const messages = [{ role: 'user', content: 'Hello' }];

test('SmolLM2: a conversation is rendered as its template says', needsShared('models/smollm2-135m'), () => {
  const config = JSON.parse(readFileSync(shared('models/smollm2-135m/tokenizer_config.json')!, 'utf8'));
  const system = '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n';
  const user = '<|im_start|>user\nHello<|im_end|>\n';
  assert.equal(renderChat(config.chat_template, messages), `${system}${user}<|im_start|>assistant\n`);
  assert.equal(renderChat(config.chat_template, messages, { addGenerationPrompt: false }), system + user);
});

test('templates get the sentence marks and further variables', () => {
  const template = "{{ bos_token }}{% if deep %}think {% endif %}{{ messages[0]['content'] }}{{ eos_token }}";
  const options = { bosToken: '<s>', eosToken: '</s>', variables: { deep: true } };
  assert.equal(renderChat(template, messages, options), '<s>think Hello</s>');
});

test('a missing and a failing template are told in one line', () => {
  assert.throws(() => renderChat(undefined, messages), BitbudgetError);
  assert.throws(() => renderChat(undefined, messages), /the model has none/);
  assert.throws(() => renderChat("{{ raise_exception('no system') }}", messages), FormatError);
  assert.throws(() => renderChat('{% for %}', messages), FormatError);
});
