import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'qwen35moe',
  huggingFace: 'Qwen3_5MoeForCausalLM',
  fields: configs.Qwen3_5MoeForCausalLM,
  // A larger step makes routers choose other experts.
  step: 2e-4,
  variants: (graph) => ({
    'the delta rule': changed(graph, 'linearAttention', { delta: false }),
    'keys in turns': changed(graph, 'linearAttention', { tiled: false }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    'the gate of the shared expert': without(graph, ({ op }) => op === 'scaleRows'),
    'gates of attention': without(graph, ({ op }) => op === 'multiply'),
  }),
});
