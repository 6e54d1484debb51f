const count = (n: number, one: string, many = `${one}s`) =>
  `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;

/** The texts of the opening and of a network at work, in English. */
export const instrument = {
  garmentNames: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],

  start: {
    title: 'Draw a shoe',
    lead: 'A small VGG says what it is while you draw, and shows what each layer makes of it. Then train your own.',
    about: (accuracy: string) =>
      `This network has three blocks and 81,000 weights. It learned from Fashion-MNIST and names ${accuracy} of its test images. The garments here are drawn by this page.`,
  },

  strip: {
    label: 'Layers',
    input: 'image',
    classes: 'classes',
    parameters: 'parameters',
    macs: 'multiply-accumulates',
    legend:
      'Each box is a layer with its output shape. Bars compare parameters and multiply-accumulates (MACs). Choose one to look closer.',
  },

  closeUp: {
    about: {
      input: 'What the network sees: the image at its input size.',
      conv: 'A small kernel slides over all maps of the layer before. Each position gives one number: a weighted sum, a bias, and nothing below zero.',
      pool: 'Of each window only the largest number stays, so the maps get half as high and wide.',
      dense: 'Each unit weighs all numbers of the layer before. The last layer has a unit for each class.',
      other: 'This layer is shown by its output.',
    },
    maps: (shown: number, of: number) =>
      shown === of ? `All ${count(of, 'map')}` : `${shown} of ${count(of, 'map')}`,
    numbers: (n: number) => count(n, 'number'),
    map: (n: number) => `Map ${n}`,
    scale: 'Color scale, from the smallest to the largest number of this layer',
    input: (channel: number, of: number) => (of === 1 ? 'Input' : `Input, map ${channel} of ${of}`),
    output: (map: number) => `Output, map ${map}`,
    sees: (height: number, width: number) => `It sees ${height}×${width} pixels`,
    play: 'Move the window',
    pause: 'Stop the window',
    picker: 'Pixel of the map; arrow keys move it',
    position: (row: number, column: number) => `row ${row}, column ${column}`,
    point: 'Point at a pixel of the output, or use the arrow keys.',
    window: 'Window',
    kernel: 'Kernel',
    products: 'Products',
    pooled: 'Largest',
    outside: 'Outside of the input: zero',
    channel: (n: number) => `map ${n}`,
    others: (n: number) => count(n, 'other map'),
    added: 'sum of products',
    bias: 'bias',
    total: 'sum',
    norm: (scale: string, shift: string) => `batch norm: × ${scale} ${shift}`,
    relu: 'ReLU: not below 0',
  },
};
