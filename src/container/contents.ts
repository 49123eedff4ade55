/** What a folder or repository without readable weights holds, by the names in it: what it is, and what to do. */
const KINDS: readonly (readonly [name: RegExp, line: (names: readonly string[]) => string])[] = [
  [
    /^adapter_(?:config\.json|model\.(?:safetensors|bin))$/,
    () => 'it holds a LoRA adapter, which is no model by itself; give its base model, or merge it into that first',
  ],
  [
    /^model-\d{5}-of-\d{5}\.safetensors$/,
    (names) =>
      `it holds ${names.length} shard${names.length > 1 ? 's' : ''} without their model.safetensors.index.json; fetch that file too`,
  ],
  [
    /\.(?:bin|pth?|ckpt|pkl)(?:\.index\.json)?$/,
    ([first]) =>
      `it holds PyTorch pickles (${first}), which run code when loaded and are not read; convert them to safetensors, or take a repository that has them`,
  ],
  [
    /^consolidated.*\.safetensors$/,
    () =>
      'it holds weights in Mistral’s own layout; fetch the Hugging Face files too: config.json and model.safetensors',
  ],
  [/^model_index\.json$/, () => 'it holds a diffusers pipeline; only language models are read'],
  [/\.onnx$/, ([first]) => `it holds an ONNX model (${first}); give the checkpoint that was exported, as safetensors`],
  [
    /\.(?:h5|msgpack|npz|tflite|keras|mlmodel)$|\.ckpt\.index$/,
    ([first]) => `it holds weights of another framework (${first}); take the same model as safetensors or GGUF`,
  ],
  [/mmproj.*\.gguf$/i, () => 'it holds a vision projector, a companion of a model; fetch the model’s own file too'],
  [/^(?:blobs|refs|snapshots)$/, () => 'it is a folder of the hub’s cache; give the folder below snapshots/ in it'],
  [
    /^(?!model\.).*\.safetensors$/,
    ([first]) => `it holds ${first} where model.safetensors is expected; give that file itself, or rename it`,
  ],
];

/** @param names of files, and of folders where they are known; paths are told by their last part */
export function describeContents(names: readonly string[]): string {
  const bare = names.map((name) => name.replace(/^.*\//, ''));
  for (const [pattern, line] of KINDS) {
    const matching = bare.filter((name) => pattern.test(name));
    if (matching.length > 0) return line(matching);
  }
  if (names.length === 0) return 'it is empty';
  return 'it has neither .gguf files nor config.json with model.safetensors';
}
