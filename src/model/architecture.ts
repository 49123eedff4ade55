import { FormatError } from '../core/errors.ts';
import { arcee } from './architectures/arcee.ts';
import { bert } from './architectures/bert.ts';
import { deepseek2 } from './architectures/deepseek2.ts';
import { gemma2 } from './architectures/gemma2.ts';
import { gemma3 } from './architectures/gemma3.ts';
import { gemma4 } from './architectures/gemma4.ts';
import { gemmaEmbedding } from './architectures/gemmaEmbedding.ts';
import { glm4 } from './architectures/glm4.ts';
import { glm4moe } from './architectures/glm4moe.ts';
import { gpt2 } from './architectures/gpt2.ts';
import { gptOss } from './architectures/gptOss.ts';
import { granite, graniteMoe } from './architectures/granite.ts';
import { granitehybrid } from './architectures/granitehybrid.ts';
import { lfm2 } from './architectures/lfm2.ts';
import { lfm2moe } from './architectures/lfm2moe.ts';
import { llama } from './architectures/llama.ts';
import { llama4 } from './architectures/llama4.ts';
import { mistral3 } from './architectures/mistral3.ts';
import { modernBert } from './architectures/modernBert.ts';
import { nemotronH } from './architectures/nemotronH.ts';
import { nomicBert } from './architectures/nomicBert.ts';
import { olmo2 } from './architectures/olmo2.ts';
import { olmoe } from './architectures/olmoe.ts';
import { phi3 } from './architectures/phi3.ts';
import { qwen2 } from './architectures/qwen2.ts';
import { qwen2moe } from './architectures/qwen2moe.ts';
import { qwen3 } from './architectures/qwen3.ts';
import { qwen3moe } from './architectures/qwen3moe.ts';
import { qwen3next } from './architectures/qwen3next.ts';
import { qwen35 } from './architectures/qwen35.ts';
import { qwen35moe } from './architectures/qwen35moe.ts';
import { smollm3 } from './architectures/smollm3.ts';
import type { Architecture, ConfigFields, HuggingFaceClass, TensorSpec } from './architectures/types.ts';
import { tensorSpecs } from './names.ts';
import { nameApart } from './next-tokens.ts';
import { ropeTensorSpecs } from './rope-tensors.ts';
import type { ModelConfig } from './types.ts';

const architectures: readonly Architecture[] = [
  llama,
  qwen2,
  qwen3,
  gemma3,
  gemma2,
  qwen3moe,
  olmoe,
  olmo2,
  phi3,
  granite,
  graniteMoe,
  smollm3,
  mistral3,
  arcee,
  glm4,
  glm4moe,
  qwen2moe,
  gpt2,
  bert,
  nomicBert,
  modernBert,
  gemmaEmbedding,
  lfm2,
  lfm2moe,
  qwen35,
  qwen35moe,
  qwen3next,
  nemotronH,
  gptOss,
  granitehybrid,
  deepseek2,
  llama4,
  gemma4,
];

/** @throws FormatError listing the known names */
export function architectureByName(name: string, subject: string): Architecture {
  const found = architectures.find((architecture) => architecture.name === name);
  if (found) return found;
  const known = architectures.map((architecture) => architecture.name).join(', ');
  throw new FormatError(`${subject}: architecture ${name} is not supported (known: ${known})`);
}

/** Width of a sliding window that llama.cpp will not keep to, in tokens; undefined where it does as the model does. */
export function windowLostInLlamaCpp({ architecture, window }: ModelConfig): number | undefined {
  return architectureByName(architecture, 'model').slidesInLlamaCpp ? undefined : window?.tokens;
}

/** Every tensor that a model has, in GGUF's order. */
export function tensorsOf(config: ModelConfig): TensorSpec[] {
  const architecture = architectureByName(config.architecture, 'model');
  const specs = tensorSpecs(architecture.graph(config), architecture.names, config);
  return [...ropeTensorSpecs(architecture, config.rope), ...specs, ...keptSpecs(architecture, config, specs)];
}

/** Tensors of blocks that predict further tokens, beside those that they share with the model. */
function keptSpecs(architecture: Architecture, config: ModelConfig, specs: readonly TensorSpec[]): TensorSpec[] {
  if (!config.nextTokenBlocks || !architecture.nextTokens) return [];
  const shared = new Set(specs.map(({ name }) => name));
  return tensorSpecs(architecture.nextTokens(config), architecture.names, config)
    .filter(({ name }) => !shared.has(name))
    .map((spec) => ({
      ...spec,
      kept: true,
      huggingFace: spec.huggingFace.map((source) => ({ ...source, name: nameApart(source.name, config) })),
    }));
}

/** An architecture and the class of Transformers whose config.json it was found by. */
export interface FoundArchitecture {
  readonly architecture: Architecture;
  readonly hfClass: HuggingFaceClass;
}

/** By `architectures`, else, where that is absent, by `model_type`; undefined when neither is known. */
export function architectureOf(fields: ConfigFields): FoundArchitecture | undefined {
  const { architectures: names, model_type: type } = fields;
  const isNamed = Array.isArray(names) && names.length > 0;
  for (const architecture of architectures) {
    const hfClass = architecture.huggingFace.find(
      (each) =>
        (isNamed ? names.some((name) => each.names.includes(String(name))) : each.modelType === type) &&
        (each.accepts?.(fields) ?? true),
    );
    if (hfClass) return { architecture, hfClass };
  }
  return undefined;
}

/** Names of the classes that can be read, for messages. */
export function knownClasses(): string {
  return architectures.flatMap(({ huggingFace }) => huggingFace.map(({ names }) => names[0])).join(', ');
}
