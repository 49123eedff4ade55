import { changed, testArchitecture } from '../../support/architecture.ts';
import { configs } from '../../support/configs.ts';

testArchitecture({
  name: 'arcee',
  huggingFace: 'ArceeForCausalLM',
  fields: configs.ArceeForCausalLM,
  variants: (graph) => ({
    squares: changed(graph, 'activate', { activation: 'relu' }),
    'what is negative is nothing': changed(graph, 'activate', { activation: 'silu' }),
  }),
});
