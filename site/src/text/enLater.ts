import { own } from './enOwn.js';

/** The texts of the views that are loaded after the first paint, in English. */
export const later = {
  design: {
    title: 'Network',
    starts: 'Start from',
    start: {
      small: 'Small, trains in a minute',
      chapter: "The chapter's VGG-11",
      imagenet: "ImageNet's VGG-16",
    },
    member: 'Architecture',
    own: 'Custom blocks',
    blocks: 'Blocks',
    convs: '3×3',
    convsLabel: (n: number) => `3×3 convolutions in block ${n}`,
    ones: '1×1',
    onesLabel: (n: number) => `1×1 convolutions in block ${n}`,
    channels: 'channels',
    channelsLabel: (n: number) => `Channels in block ${n}`,
    remove: (n: number) => `Remove block ${n}`,
    add: 'Add block',
    ratio: 'Divide widths by',
    size: 'Image size',
    imageChannels: 'Image channels',
    gray: '1 (gray)',
    color: '3 (color)',
    classes: 'Classes',
    hidden: 'Hidden units',
    batchNorm: 'Batch normalization',
    seed: 'Seed',
  },

  /** What the library does beyond the playground. */
  more: {
    explain: {
      title: 'Explanations',
      about:
        'Where does it see the left garment, and where the right one? Ten methods compared, with numbers.',
    },
    transfer: {
      title: 'Fine-tuning',
      about: 'A pretrained network learns your classes from a few images of each.',
    },
    app: {
      title: 'In an app',
      about: 'A web page or a server with the network that you trained: which file runs where, and how fast.',
    },
  },

  style: {
    title: 'Style transfer',
    about:
      'The pixels change step by step, until the network finds the features of one image in their places, and those of the other in the same combinations.',
    how: 'How it works',
    content: 'Image to paint',
    style: 'In the style of',
    ours: { house: 'A house', glass: 'Stained glass', strokes: 'Brush strokes' },
    choose: 'Your own',
    network: 'Network',
    small: 'A small VGG-16 with random weights',
    random: 'A small VGG-16 with random weights paints: enough for colors and strokes.',
    unfit: (file: string) => `${file} cannot do this: it takes a network for color images with five blocks.`,
    open: 'For results as in the paper, open a VGG-16',
    start: 'Paint',
    again: 'Paint again',
    stop: 'Stop',
    starting: 'Loading the network…',
    stopping: 'Stopping after this step…',
    step: (done: number, total: number, seconds: number) =>
      `Step ${done} of ${total}, ${Math.ceil(seconds)} s left`,
    done: (done: number, total: number) =>
      done < total ? `Stopped after step ${done} of ${total}.` : `Painted in ${total} steps.`,
    steps: 'Steps of the painting',
    later: 'Another image can be taken once the painting is done or stopped.',
    painting: 'The painting',
  },

  difference: {
    title: 'How different do they look?',
    about:
      'The darker, noisy and blurred copies differ from the image equally in their pixels, but not to the eye. Distances between features come closer to human judgment.',
    how: 'About LPIPS',
    start: 'Compare',
    pixels: 'In pixels',
    features: 'In features',
    names: {
      darker: 'Darker',
      noisy: 'Noisy',
      blurred: 'Blurred',
      painting: 'The painting',
      other: 'The style image',
    },
    lpips: "LPIPS 0.1, by the VGG-16 that you opened, with its authors' calibration. 0 means equal.",
    notLpips:
      'This is not LPIPS: the network is the small one with random weights, and all its channels count alike. For LPIPS, open a VGG-16 with weights of torchvision.',
    image: 'The image',
    where: 'Where they differ',
  },

  facts: {
    title: 'The network in numbers',
    parameters: 'Parameters',
    macs: 'MACs per image',
    weights: 'Weights',
    training: (batchSize: number) => `Training, batch of ${batchSize}`,
    field: 'Receptive field',
    pixels: (n: number) => `${n} px`,
    stride: (n: number) => `stride ${n}`,
    inTfjs: 'in tfjs',
  },

  misfit: {
    title: 'This will not fit',
    maybe: 'This may not fit',
    wasm: (needs: string, has: string) =>
      `Training needs about ${needs}, but WebAssembly memory ends at ${has}. Use a smaller batch, image or width.`,
    buffer: (needs: string, has: string, layer: string) =>
      `${layer} needs a single tensor of ${needs}, but this GPU allows at most ${has}. Use WebAssembly or a smaller network.`,
    memory: (needs: string, has: string) =>
      `Training needs about ${needs}. This machine reports ${has}, which other programs use too.`,
  },

  diagram: {
    title: 'Diagram',
    /** The diagram with its words in this language. */
    translated: (svg: string) => svg,
    about: 'VGG repeats one idea: 3×3 convolutions, then a pooling that halves the maps.',
    alexnet: 'Show AlexNet beside it',
    alexnetSmall: (minimum: number) =>
      `AlexNet needs images of at least ${minimum}×${minimum}, so it is drawn for 224×224.`,
  },

  table: {
    title: 'Shapes, layer by layer',
    about:
      'From block to block, the maps get smaller and more numerous; the dense layers see all of them at once.',
    layer: 'Layer',
    output: 'Output',
    parameters: 'Parameters',
    macs: 'MACs',
    field: 'Receptive field',
    memory: 'Output size',
    total: 'Total',
  },

  versus: {
    title: 'Compared with AlexNet',
    about: 'VGG trades memory and arithmetic for depth: many small kernels at full size.',
    note: (size: number) => `Both for ${size}×${size} images and a batch of 1.`,
    noteSmall: (minimum: number) =>
      `Both for 224×224 images and a batch of 1: AlexNet needs at least ${minimum}×${minimum}.`,
    tally: "The chapter's tally",
    tallyNote:
      'Counted as in the chapter: the weights of the convolutions without biases, and the first fully connected layer with its bias.',
    ratio: 'Ratio',
    rows: {
      params: 'Parameters',
      macs: 'MACs per image',
      activations: 'Activations',
      training: 'Training memory',
      field: 'Receptive field',
    },
  },

  exercises: {
    title: 'Exercises of the chapter',
    about: 'Guess first. The answers are computed on this page, layer by layer.',
    ask: {
      size: 'The chapter enlarges images to 224×224. How many times as much work is that for VGG-11 as 96×96?',
      memory:
        "With batches of 128 images, how many times the memory of AlexNet's activations do VGG-11's take?",
      layers:
        'The chapter prints 8 shapes, one for each block and dense layer. How many layers have weights?',
    },
    times: (n: string) => `${n} times`,
    why: {
      size: (large: string, small: string) =>
        `${large} against ${small} multiply-accumulates for each image. Nearly all of them are in convolutions, whose cost grows with the area.`,
      memory: (vgg: string, alexNet: string, weights: string) =>
        `${vgg} against ${alexNet}. It has only ${weights} times as many weights: the full-size maps of the first blocks fill the memory.`,
      layers: (blocks: number, dense: number, convs: number) =>
        `${blocks} blocks hold ${convs} convolutions, and ${dense} dense layers follow. The number in VGG-11 counts layers with weights.`,
    },
    right: 'Right.',
    wrong: 'Not quite.',
    setUp: 'Set up this network',
  },

  weights: {
    title: 'Weight files',
    lead: 'Drop a .safetensors, .pth, .h5, .keras, .onnx or tfjs model here, or anywhere on this page. It is read in your browser and never uploaded.',
    choose: 'Choose a file',
    empty: 'No file is open.',
    published: 'Published weights that open as downloaded:',
    file: 'File',
    format: 'Format',
    network: 'Network',
    parameters: 'Parameters',
    input: 'Input',
    classes: 'Classes',
    noClasses: 'none (features only)',
    names: 'Weight names',
    classify: 'Classify an image',
    adopt: 'Train it further',
    adoptNote: 'Opens this network under “Train”.',
    compareTitle: 'Does it match PyTorch?',
    compareLead:
      'Drop a .safetensors file saved in Python with float32 tensors “input” (images × channels × height × width) and “logits”, and the outputs are compared.',
    compared: (images: number, error: string) =>
      `Over ${images === 1 ? '1 image' : `${images} images`}, the outputs differ by at most ${error} of the largest logit.`,
    logitsHere: 'Here',
    logitsThere: 'In the file',
    class: 'Class',
  },

  ownImages: own,
};
