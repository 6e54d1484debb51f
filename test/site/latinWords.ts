import type { Page } from 'playwright-core';

/** Names, units and words of code, which Chinese text has in Latin letters. */
const NAMES = new Set(
  `vgg vgg-blocks alexnet lenet imagenet tensorflow tfjs pytorch keras torchvision timm onnx d2l
  typescript webassembly webgl webgpu cpu gpu wasm svg png jpeg heic json api https localhost url english idx csv
  mnist fashion-mnist sgd adam adamw nesterov relu grad-cam layercam score-cam smoothgrad logit logits input
  .safetensors .pth .h5 .keras .onnx python safetensors pth h5 zip model history mac macs ssim lpips onnxruntime
  epoch nan mb kb gb tb px ms float32 float rgb bgr fc conv t`.split(/\s+/),
);

/** Names of layers and files, and numbers with a unit. */
const CODE =
  /^(block|conv|pool|relu|fc|dense|flatten|predictions|input|dropout|classifier|features)[\w.]*$|\w\.(safetensors|pth|h5|keras|json|bin)$|^\d/i;

/** The English words of a text, but no names and no code. */
export function englishWords(text: string): string[] {
  const words = text.match(/[\w.-]*[A-Za-z][\w.-]*[A-Za-z\d][\w-]*/g) ?? [];
  return words.filter(
    (word) => !NAMES.has(word.toLowerCase().replace(/-\d+[a-c]?(-bn)?$/, '')) && !CODE.test(word),
  );
}

/** The English words that a page shows or reads to somebody, except where it says that they are English, and code. */
export async function latinWords(page: Page): Promise<string[]> {
  const texts = await page.evaluate(() => {
    const found: string[] = [];
    const isEnglish = (element: Element | null) =>
      element?.closest('[lang=en], code, pre, script, style, noscript, option[value=en], #offline');
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
      if (!isEnglish(walker.currentNode.parentElement)) found.push(walker.currentNode.textContent ?? '');
    for (const element of document.querySelectorAll('body *')) {
      if (isEnglish(element)) continue;
      for (const name of ['aria-label', 'aria-valuetext', 'title', 'placeholder', 'alt'])
        found.push(element.getAttribute(name) ?? '');
    }
    return [...found, document.title];
  });
  return [...new Set(texts.flatMap(englishWords))];
}
