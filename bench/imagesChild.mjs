/** The process of images.ts in JavaScript: node imagesChild.mjs FOLDER. */
import { readdirSync, readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import { setBackend } from '@tensorflow/tfjs-core';
import { preprocess } from 'vgg-blocks/images';
import { prepareImages, readImage } from 'vgg-blocks/node';
import { PUBLISHED } from 'vgg-blocks/weights';

const [folder] = process.argv.slice(2);
const files = readdirSync(folder).map((name) => `${folder}/${name}`);
const paths = [...files, ...files, ...files];
const { preprocessing } = PUBLISHED['torchvision/vgg16'];
await setBackend('cpu');

/** Seconds of all threads and of the main one alone, which Linux counts. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return { all: (user + system) / 1e6, main: Number(nanoseconds) / 1e9 };
}

/** Images a second of processor time. */
async function rates(work) {
  const start = processorTime();
  await work();
  const end = processorTime();
  return { all: paths.length / (end.all - start.all), main: paths.length / (end.main - start.main) };
}

/** Uses each image on this thread; four are in work at once, as when images are read ahead. */
const each = (use) => async () => {
  const left = [...paths];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) await use(path);
    }),
  );
};
const decode = each((path) => readImage(path));
const prepare = each(async (path) => (await preprocess(await readImage(path), preprocessing)).dispose());
const ahead = async () => {
  for await (const { image } of prepareImages(paths, { preprocessing }))
    (await preprocess(image, preprocessing)).dispose();
};

await prepare();
const [decoded, prepared] = [await rates(decode), await rates(prepare)];
await ahead();
const onThreads = await rates(ahead);
console.log(
  JSON.stringify({
    decode: decoded.all,
    prepare: prepared.all,
    mainThread: prepared.main,
    ahead: onThreads.all,
    mainThreadAhead: onThreads.main,
  }),
);
