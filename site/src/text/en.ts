const number = (n: number) => n.toLocaleString('en-US');
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Every text of the playground in English; `zh` has the same in Chinese. */
export const en = {
  number,
  percent,
  title: 'vgg-blocks playground',
  lead: 'Build a VGG, read what it costs, train it here, and look at what it learned. Nothing you drop on this page leaves your machine.',
  head: {
    site: 'Site',
    playground: 'Playground',
    start: 'Start',
    chapter: 'The chapter',
    weights: 'Weight files',
    api: 'API',
    theme: 'Dark or light',
    language: 'Language',
    skip: 'To the content',
  },

  offline: {
    keeping: 'Keeping the site for offline use …',
    ready: 'Ready for offline use: every page of this site is kept in your browser.',
    impossible: 'Not kept for offline use: that takes https or localhost, and no private window.',
    partly: (why: string) =>
      `The playground is ready for offline use; not every other page could be kept (${why}). The next visit tries again.`,
    failed: (why: string) => `Not ready for offline use (${why}). The next visit tries again.`,
  },

  views: { network: 'Network', train: 'Train', inside: 'Look inside', weights: 'Weight files' },
  viewsLabel: 'Views',

  design: {
    title: 'The network',
    starts: 'Begin with',
    start: {
      small: 'Small, trains in a minute',
      chapter: "The chapter's VGG-11",
      imagenet: "ImageNet's VGG-16",
    },
    member: 'Member of the family',
    own: 'Blocks of your own',
    blocks: 'Blocks',
    convs: '3×3',
    convsLabel: (n: number) => `3×3 convolutions of block ${n}`,
    ones: '1×1',
    onesLabel: (n: number) => `1×1 convolutions of block ${n}`,
    channels: 'channels',
    channelsLabel: (n: number) => `Channels of block ${n}`,
    remove: (n: number) => `Remove block ${n}`,
    add: 'Add a block',
    ratio: 'Divide widths by',
    side: 'Image side',
    imageChannels: 'Image channels',
    grey: '1, grey',
    colour: '3, colour',
    classes: 'Classes',
    hidden: 'Units of the hidden layers',
    batchNorm: 'Batch normalization',
    seed: 'Seed',
  },

  problems: {
    ratio: (ratio: number, width: number, block: number) =>
      `${ratio} does not divide the ${width} channels of block ${block}. Choose a divisor of every width.`,
    side: (side: number, least: number, blocks: number) =>
      `An image of ${side}×${side} is too small: ${blocks} poolings would leave nothing. Use at least ${least}.`,
    empty: (block: number) => `Block ${block} has no convolution. Give it at least one.`,
    noPlan: 'There is no such network',
  },

  facts: {
    parameters: 'Parameters',
    macs: 'MACs per image',
    weights: 'Weights',
    training: 'To train, batch of',
    field: 'Receptive field',
    pixels: (n: number, stride: number) => `${n} px, stride ${stride}`,
    inTfjs: 'in tfjs',
  },

  misfit: {
    title: 'This will not fit',
    maybe: 'This may not fit',
    wasm: (needs: string, has: string) =>
      `Training needs about ${needs}, and WebAssembly's memory ends at ${has}. Choose a smaller batch, image or width.`,
    buffer: (needs: string, has: string, layer: string) =>
      `${layer} needs one tensor of ${needs}, and this GPU takes at most ${has} in one. Choose WebAssembly, or a smaller network.`,
    memory: (needs: string, has: string) =>
      `Training needs about ${needs}, and this machine says that it has ${has}, which other programs use too.`,
  },

  diagram: {
    title: 'Diagram',
    alexnet: 'AlexNet beside it',
    alexnetSmall: (least: number) =>
      `AlexNet needs images of at least ${least}×${least}; it is drawn for 224×224.`,
  },

  table: {
    title: 'Shapes, layer by layer',
    layer: 'Layer',
    output: 'Output',
    parameters: 'Parameters',
    macs: 'MACs',
    field: 'Sees',
    memory: 'Output bytes',
    total: 'Total',
  },

  versus: {
    title: 'Against AlexNet',
    note: (side: number) => `Both for images of ${side}×${side}, batch of 1.`,
    noteSmall: (least: number) =>
      `Both for images of 224×224, batch of 1: AlexNet needs at least ${least}×${least}.`,
    tally: "The chapter's tally",
    tallyNote:
      'As the chapter counts: weights of the convolutions without biases, and the first fully connected layer with its bias.',
    ratio: 'Ratio',
    here: 'This network',
    rows: {
      params: 'Parameters',
      macs: 'MACs per image',
      activations: 'Activations',
      training: 'Training in all',
      field: 'Receptive field',
    },
  },

  code_: { title: 'In TypeScript', copy: 'Copy', copied: 'Copied' },
  share: { copy: 'Copy link', copied: 'Link copied' },

  train: {
    title: 'Training',
    copyCode: 'Copy the TypeScript',
    data: 'Pictures',
    garments: 'Garments, drawn here',
    fashion: 'Fashion-MNIST, from its home (31 MB)',
    files: 'IDX files of your own',
    filesHint: 'Drop the four files of MNIST or Fashion-MNIST anywhere on this page, gzipped or not, or',
    chooseFiles: 'choose them',
    filesNames: 'Classes are',
    namesGarments: 'garments',
    namesDigits: 'digits',
    filesReady: 'Four files are ready.',
    filesMissing: (missing: string) => `Still missing: ${missing}.`,
    parts: {
      trainImages: 'training images',
      trainLabels: 'training labels',
      testImages: 'test images',
      testLabels: 'test labels',
    },
    fashionBlocked:
      'If your browser is not let to fetch it (its home has no https), download the four files by yourself and drop them here.',
    fashionHome: 'Their home',
    pictures: 'Training pictures',
    epochs: 'Epochs',
    batchSize: 'Batch size',
    optimizer: 'Optimizer',
    optimizers: { sgd: 'SGD', momentum: 'SGD with momentum', adam: 'Adam' },
    rate: 'Learning rate',
    cosine: 'Rate falls along a cosine',
    backend: 'Runs on',
    backends: { wasm: 'WebAssembly (CPU)', webgl: 'WebGL (GPU)', webgpu: 'WebGPU (GPU)' },
    half: '16-bit',
    absent: 'not in this browser',
    start: 'Train',
    again: 'Train anew',
    goOn: 'Go on',
    pause: 'Pause',
    resume: 'Go on',
    stop: 'Stop',
    phases: {
      idle: 'Ready.',
      starting: 'Starting the backend …',
      data: 'Preparing the pictures …',
      building: 'Drawing the weights …',
      training: 'Training',
      paused: 'Paused. Weights, optimizer and order of the pictures wait in memory.',
      stopping: 'Stopping after this batch …',
      opening: 'Reading the file …',
    },
    first: 'The first step takes longest: the backend prepares its programs.',
    download: (share: number) => `Downloading, ${percent(share)}`,
    epoch: (epoch: number, of: number) => `Epoch ${epoch} of ${of}`,
    speed: (perSecond: number) => `${number(Math.round(perSecond))} examples/s`,
    left: (seconds: number) =>
      seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`,
    finished: (accuracy: number) =>
      `Trained. ${percent(accuracy)} of the test pictures are classified right.`,
    stopped: 'Stopped. What was learned so far is kept: look inside, save it, or go on.',
    diverged:
      'The loss became infinite. Train anew with a smaller learning rate, or with batch normalization.',
    hidden:
      'This page is in the background. Training goes on, but some browsers slow it down or, on phones, halt it.',
    moved: (backend: string) => `The backend is changed: “Go on” takes the weights over to ${backend}.`,
    changed:
      'The network or the pictures have been changed since. “Train anew” takes them; “Go on” stays with the old network.',
    classesFew: (have: number, need: number) =>
      `The pictures have ${need} classes and the network ${have} outputs. Give it at least ${need}.`,
    emptyTitle: 'No curve yet',
    empty:
      'Train, and loss and accuracy are drawn here while it runs. The page stays usable: the work is done in a worker.',
    curves: 'Loss and accuracy',
    loss: 'Loss',
    accuracy: 'Accuracy',
    trainLoss: 'train loss',
    trainAccuracy: 'train accuracy',
    testAccuracy: 'test accuracy',
    chartLabel: (epochs: number, loss: string, accuracy: string) =>
      `Curves over ${epochs} epochs: train loss now ${loss}, train accuracy ${accuracy}.`,
    epochAxis: (n: number) => `epoch ${n}`,
    table: 'Epoch by epoch',
    columns: {
      epoch: 'Epoch',
      loss: 'Loss',
      train: 'Train accuracy',
      test: 'Test accuracy',
      speed: 'Examples/s',
    },
    current: 'This run',
  },

  errors: {
    gpu: 'The GPU was taken away from the page (its context was lost).',
    memory: 'The memory is full. Choose a smaller batch, image or network.',
    file: 'This file cannot be used.',
    value: 'This does not fit together.',
    other: 'Something went wrong.',
    ended: 'The browser ended the worker that computes.',
    nothingKept: 'Nothing had been put in safety yet.',
    kept: (epoch: number) => `The weights after ${epoch} epochs are safe: save them, or go on from there.`,
    fashion: 'Fashion-MNIST could not be fetched.',
    unknownFile: (name: string) =>
      `${name} is none of the files that are read here: weights (.safetensors, .pth, .h5, .keras, model.json), IDX data, pictures, history.json.`,
    shard: (name: string) =>
      `${name} is the second half of a tfjs model: drop its model.json together with it.`,
    details: 'What was thrown',
    close: 'Close this message',
  },

  save: {
    title: 'Save',
    safetensors: 'Weights, safetensors (PyTorch’s names)',
    keras: 'Weights, safetensors (Keras’ names)',
    tfjs: 'tfjs model (two files)',
    history: 'History, JSON',
    rescued: (epoch: number) => `Rescued weights, after ${epoch} epochs`,
  },

  inside: {
    title: 'Look inside',
    emptyTitle: 'No network to look into yet',
    empty: 'Train one, or open a weight file.',
    toTrain: 'To training',
    toWeights: 'To weight files',
    which: 'Network',
    trained: 'The one trained here',
    opened: (file: string) => `${file}`,
    picture: 'Picture',
    fromTest: 'From the test set',
    draw: 'Draw',
    drop: 'Your own',
    number: 'Number',
    next: 'Next picture',
    previous: 'Previous picture',
    isA: (name: string) => `is: ${name}`,
    clear: 'Clear',
    drawHint: 'Draw with mouse, finger or pen; light on black, as the training pictures are.',
    drawLabel: 'Drawing area',
    choosePicture: 'Choose a picture',
    dropHint: 'Or drop one anywhere on this page. It stays on your machine.',
    invert: 'Light background: turn black and white round',
    recipe: 'Made ready as by',
    recipes: { unit: 'training here (0 to 1)', torchvision: 'torchvision and timm', keras: 'Keras’ VGG' },
    layer: 'Layer',
    sees: 'What it sees',
    guesses: 'What it takes it for',
    heat: 'Where it sees it',
    heatBy: (layer: string) => `Grad-CAM, by the maps of ${layer}`,
    features: (layer: string) => `Feature maps: ${layer}`,
    featuresNote: (maps: number, of: number, side: string) =>
      `${maps} of ${of} maps of ${side}, each from its least to its greatest value`,
    kernels: 'First-layer kernels',
    kernelsNote: 'Grey is zero, light is positive, dark negative; one scale for all.',
    confusion: 'Confusion matrix',
    confusionNote: 'Rows: what they are. Columns: what they are taken for. Of the test pictures.',
    right: 'is',
    accuracy: (share: number) => `${percent(share)} right`,
    worst: 'Most wrong',
    worstNote: 'Those whose right class the network found least likely. Choose one to look into it.',
    worstLabel: (is: string, said: string, sure: string) => `Is ${is}, taken for ${said} (${sure})`,
    none: 'None: every test picture is classified right.',
    classify: 'Go through the test set',
    noTop: 'This file has no classes: only its features can be seen.',
    working: 'Computing …',
  },

  weights: {
    title: 'Weight files',
    lead: 'Drop a .safetensors, .pth, .h5, .keras or tfjs model here, or anywhere on this page. It is read in your browser and goes nowhere.',
    choose: 'Choose a file',
    empty: 'No file is open.',
    published: 'Published weights that are read as they are downloaded:',
    file: 'File',
    format: 'Format',
    network: 'Network',
    parameters: 'Parameters',
    input: 'Input',
    classes: 'Classes',
    noClasses: 'none (features alone)',
    names: 'Names as in',
    classify: 'Classify a picture with it',
    adopt: 'Train it further',
    adoptNote: 'Takes the network over to “Train”.',
    compareTitle: 'Does it compute what PyTorch computes?',
    compareLead:
      'Drop a .safetensors with float32 tensors “input” (images × channels × height × width) and “logits”, saved in Python, and the outputs are compared.',
    compared: (images: number, error: string) =>
      `Over ${images} ${images === 1 ? 'image' : 'images'} the greatest difference is ${error} of the largest logit.`,
    logitsHere: 'Here',
    logitsThere: 'In the file',
    class: 'Class',
  },

  drop: { here: 'Drop files here', hint: 'Weights, IDX data, pictures or a history' },
};

export type Text = typeof en;
