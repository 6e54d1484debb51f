/** The process of images.ts in JavaScript: node imagesChild.mjs FOLDER. */
import { readdirSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { preprocess } from 'vgg-blocks/images';
import { readImage } from 'vgg-blocks/node';
import { PUBLISHED } from 'vgg-blocks/weights';

const [folder] = process.argv.slice(2);
const paths = readdirSync(folder).map((name) => `${folder}/${name}`);
const { preprocessing } = PUBLISHED['torchvision/vgg16'];
await setBackend('cpu');

/** Images a second of processor time; four are in work at once, as when images are read ahead. */
async function rate(use) {
  const all = [...paths, ...paths, ...paths];
  const start = process.cpuUsage();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let path = all.pop(); path !== undefined; path = all.pop()) await use(path);
    }),
  );
  const { user, system } = process.cpuUsage(start);
  return (3 * paths.length * 1e6) / (user + system);
}

const decode = (path) => readImage(path);
const prepare = async (path) => (await preprocess(await readImage(path), preprocessing)).dispose();
await rate(prepare);
console.log(JSON.stringify({ decode: await rate(decode), prepare: await rate(prepare) }));
