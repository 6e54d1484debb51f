/** Answers an image, sent as the body of a POST, with the garments that it most likely shows. PORT is 8080 unless set. */
import '@tensorflow/tfjs-backend-wasm';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setBackend } from '@tensorflow/tfjs-core';
import { classify } from 'vgg-blocks/imagenet';
import { readImage } from 'vgg-blocks/node';
import { installWasmKernels } from 'vgg-blocks/wasm';
import { fromWeights } from 'vgg-blocks/weights';

const MAX_BYTES = 10_000_000;

installWasmKernels();
await setBackend('wasm');
const { model } = await fromWeights(fileURLToPath(new URL('../fashion-mnist/model.json', import.meta.url)));

const server = createServer(async (request, response) => {
  const answer = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  if (request.method !== 'POST') return answer(405, { error: 'POST an image.' });
  try {
    const bytes = await bodyOf(request);
    if (!bytes) return answer(413, { error: `The image has more than ${MAX_BYTES} bytes.` });
    // The model carries its preprocessing and the names of its classes.
    answer(200, await classify(model, await readImage(bytes), { topK: 3 }));
  } catch (error) {
    answer(400, { error: error.message });
  }
});

async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`http://localhost:${server.address().port}`);
});
