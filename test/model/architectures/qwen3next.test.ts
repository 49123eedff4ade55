import { changed, testArchitecture, without } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'qwen3next',
  huggingFace: 'Qwen3NextForCausalLM',
  fields: configs.Qwen3NextForCausalLM,
  // A larger step makes routers choose other experts.
  step: 2e-4,
  variants: (graph) => ({
    'the delta rule': changed(graph, 'linearAttention', { delta: false }),
    'heads in the order of their keys': changed(graph, 'linearAttention', { tiled: true }),
    'weights that sum to 1': changed(graph, 'route', { normalize: false }),
    'the gate of the shared expert': without(graph, ({ op }) => op === 'scaleRows'),
    'gates of attention': without(graph, ({ op }) => op === 'multiply'),
  }),
});
