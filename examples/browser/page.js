// Starts the job on a model that the server has; the file is offered when it is made.
const worker = new Worker('worker.js', { type: 'module' });
const show = (text) => document.body.append(text);
worker.onmessage = ({ data: { stage, done, total, fileBytes, kl, file, text, error } }) => {
  if (stage) document.title = `${stage} ${done} of ${total}`;
  if (text ?? error) show(text ?? error);
  if (!file) return;
  show(`${fileBytes} bytes, KL ${kl.toFixed(5)} `);
  const link = document.createElement('a');
  document.body.append(Object.assign(link, { download: file.name, textContent: file.name }));
  link.href = URL.createObjectURL(file);
};
const request = { budget: { bitsPerWeight: 4.5 } };
worker.postMessage({ assets: '/bitbudget/', model: '/model/', request });
