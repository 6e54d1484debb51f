// Not by the package's name: the build of the site loads the texts in Node, where that would be dist.
import { GARMENT_NAMES } from '../../../src/data/garments/names.js';

const count = (n: number, one: string, many = `${one}s`) =>
  `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;

/** The texts of the opening and of a network at work, in English. */
export const instrument = {
  garmentNames: GARMENT_NAMES,
  /** The name of a class in this language, if it has one. */
  className: (name: string) => name,

  start: {
    about: (accuracy: string) =>
      `81,000 weights in three blocks, trained on Fashion-MNIST: ${accuracy} of its test images are classified correctly.`,
  },

  path: {
    label: 'Next step',
    chapter: 'In the chapter',
    /** Where the chapter explains it. */
    sections: {
      shapes: 'guide/chapter.html#shapes',
      blocks: 'guide/chapter.html#blocks',
      cost: 'guide/chapter.html#why-vgg-needs-so-much-more-than-alexnet',
      training: 'guide/chapter.html#a-small-network-trained',
    },
    done: {
      start: 'You have seen what a trained network does. It can learn what you show it.',
      own: 'It learned from features. What is inside the network that computes them?',
      network: 'You know what it costs. Does it learn?',
      train: 'During training or after: what has it learned?',
      inside: 'What else are features good for?',
      style: 'Keep what you trained, or use it in an app.',
      weights: 'The library does more than this page',
    },
    next: {
      start: 'Try it',
      own: 'Teach it your images',
      network: 'Design your own',
      train: 'Train it',
      inside: 'Look inside',
      style: 'Paint and compare',
      weights: 'Take it home',
    },
  },

  strip: {
    label: 'Layers',
    title: 'The network, layer by layer',
    closer: 'Look closer at this layer',
    field: 'receptive field',
    input: 'image',
    classes: 'classes',
    parameters: 'parameters',
    macs: 'multiply-accumulates',
    legend: 'Each box is a layer with its output shape, from the image to the classes.',
    choose: 'Choose a layer to look closer.',
    dark: 'Maps that stay dark are not active: ReLU made them zero.',
  },

  closeUp: {
    about: {
      input: () => 'What the network sees: the image at its input size.',
      conv: (norm: boolean) =>
        `A kernel slides over the maps of the layer before. Each number is a weighted sum plus a bias${norm ? ', batch-normalized' : ''}, or 0 if negative.`,
      pool: () => 'Only the largest number of each window stays, so the maps become half as high and wide.',
      dense: () =>
        'Each unit is a weighted sum of all numbers of the layer before. The last layer has a unit for each class.',
      other: () => 'This layer is shown by its output.',
    },
    maps: (shown: number, of: number) =>
      shown === of ? `${of > 1 ? 'All ' : ''}${count(of, 'map')}` : `${shown} of ${count(of, 'map')}`,
    numbers: (shown: number, of: number) =>
      shown === of ? count(of, 'number') : `${shown} of ${count(of, 'number')}`,
    /** Maps and units are counted from 1. */
    map: (index: number) => `Map ${index + 1}`,
    unit: (index: number) => `unit ${index + 1}`,
    pixel: (map: number, row: number, column: number) =>
      `map ${map + 1}, row\u00a0${row + 1}, column\u00a0${column + 1}`,
    largest: (unit: string, of: number) =>
      `How ${unit} adds up: the largest of ${of.toLocaleString('en-US')} products`,
    from: (layer: string) => `From ${layer}`,
    number: 'Number',
    weight: 'Weight',
    product: 'Product',
    listed: (n: number) => `these ${n} products`,
    otherProducts: (n: number) => count(n, 'other product'),
    scale: 'Color scale, from the smallest to the largest number of this layer',
    input: (from: string) => `Input: ${from}`,
    output: (map: number) => `Output, map ${map + 1}`,
    sees: (height: number, width: number) => `It sees ${height}×${width} pixels`,
    play: 'Move the window',
    pause: 'Stop the window',
    picker: 'Pixel of the map; arrow keys move it',
    position: (row: number, column: number) => `row ${row}, column ${column}`,
    point: 'Point at a pixel of the output, or use the arrow keys.',
    other: 'Choose another map in the sum.',
    window: 'Window',
    kernel: 'Kernel',
    products: 'Products',
    pooled: 'Largest',
    outside: 'Outside the input: zero',
    /** A map of a layer, or a channel of the image. */
    source: (layer: string | undefined, index: number) =>
      layer === undefined ? `image, channel ${index + 1}` : `${layer}, map ${index + 1}`,
    others: (n: number) => count(n, 'other map'),
    added: 'sum of products',
    bias: 'bias',
    total: 'sum',
    norm: (scale: string, shift: string) => `batch norm: × ${scale} ${shift}`,
    relu: 'ReLU: not below 0',
  },
};
