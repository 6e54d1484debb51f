import { instrument } from './enInstrument.js';
import type { later } from './enLater.js';

const number = (n: number) => n.toLocaleString('en-US');
const percent = (fraction: number) => `${(100 * fraction).toFixed(1)}%`;
const counted = (n: number, one: string, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** The texts of the playground's first paint in English, and those that several views share; `zh` has the same in Chinese. */
export const en = {
  number,
  percent,
  range: (min: number, max: number, multipleOf: number) =>
    multipleOf > 1
      ? `a multiple of ${multipleOf}, at most ${number(max)}`
      : `from ${min < 1 ? min : number(min)} to ${number(max)}`,
  title: 'vgg-blocks playground',
  /** What to do in each view, in a word and in a sentence. */
  heads: {
    start: {
      title: 'Draw a shoe',
      lead: 'A small VGG says what it is while you draw, and shows what each layer makes of it. Then train your own.',
    },
    own: {
      title: 'Teach it your own images',
      lead: 'Show it a few images of each thing, from files or the camera. It learns them in seconds, then says live what it sees. The images never leave your device.',
    },
    network: {
      title: 'Design a VGG',
      lead: 'Change its blocks and see what each layer costs. Nothing is computed until you train it.',
    },
    train: {
      title: 'Train it here',
      lead: 'Press Train and watch the loss fall. Images and weights stay on your device.',
    },
    inside: {
      title: 'Look inside',
      lead: 'Choose an image and a layer, and follow the numbers from the pixels to the answer.',
    },
    style: {
      title: 'Paint and compare',
      lead: 'Features do more than classify: they paint one image in the style of another, and say how different two images look.',
    },
    weights: {
      title: 'Take it home',
      lead: 'Save what you trained, or open weights from PyTorch, Keras or ONNX. Nothing is uploaded.',
    },
  },
  head: {
    site: 'Site',
    playground: 'Playground',
    guides: 'Guides',
    chapter: 'Chapter',
    gallery: 'Gallery',
    api: 'API',
    theme: 'Dark or light theme',
    language: 'Language',
    skip: 'Skip to content',
    pages: 'All pages',
    search: 'Search guides and API',
  },
  search: {
    found: (n: number) => (n === 0 ? 'Nothing found' : counted(n, 'result')),
    failed: 'The search index could not be loaded. Try again when you are online.',
  },

  offline: {
    keeping: 'Saving the site for offline use…',
    asking: 'Your connection is metered, so this site has not been saved for offline use.',
    save: (megabytes: number) => `Save it (up to ${megabytes} MB)`,
    ready: 'Ready for offline use: every page of this site is saved in your browser.',
    impossible: 'Not available offline: this needs https or localhost, and a window that is not private.',
    partly: (why: string) =>
      `The playground works offline, but some other pages could not be saved (${why}). Your next visit will try again.`,
    failed: (why: string) => `Not available offline yet (${why}). Your next visit will try again.`,
  },

  views: {
    start: 'Try it',
    own: 'Your images',
    network: 'Design',
    train: 'Train',
    inside: 'Look inside',
    style: 'Style, LPIPS',
    weights: 'Take it home',
  },
  viewsLabel: 'Views',

  problems: {
    ratio: (ratio: number, width: number, block: number) =>
      `${ratio} does not divide the ${width} channels of block ${block}. Choose a divisor of every width.`,
    size: (size: number, minimum: number, blocks: number) =>
      `An image of ${size}×${size} is too small: ${counted(blocks, 'pooling')} would leave nothing. Use at least ${minimum}.`,
    empty: (block: number) => `Block ${block} has no convolutions. Add at least one.`,
    noPlan: 'This network cannot be built',
  },

  code: { title: 'In TypeScript', copy: 'Copy', copied: 'Copied' },
  share: { copy: 'Copy link', copied: 'Link copied' },

  train: {
    title: 'Training',
    about: {
      settings: 'Each step takes a batch of images and moves every weight a little against its gradient.',
      curves:
        'The loss falls as the true class gets a higher probability. Training accuracy far above test accuracy means overfitting.',
      epochs: 'An epoch is one pass over all training images; then the test images are classified.',
    },
    copyCode: 'Copy TypeScript',
    data: 'Images',
    garments: 'Garments, drawn here',
    fashion: 'Fashion-MNIST (31 MB download)',
    files: 'Your own IDX files',
    filesHint: 'Drop the four files of MNIST or Fashion-MNIST anywhere on this page, gzipped or not, or',
    chooseFiles: 'choose them',
    filesNames: 'Class names',
    filesKnown: (title: string) => `These are the files of ${title}.`,
    filesUnknown:
      'These labels belong to no published set that is known here: look at the images below and choose the class names.',
    samples: 'The first test images with their classes',
    namesNumbers: 'numbers',
    namesGarments: 'garments',
    filesNotKept: 'This browser has no room to keep these files: drop them again on your next visit.',
    filesReady: 'All four files are ready.',
    filesMissing: (missing: string) => `Still missing: ${missing}.`,
    parts: {
      trainImages: 'training images',
      trainLabels: 'training labels',
      testImages: 'test images',
      testLabels: 'test labels',
    },
    fashionBlocked:
      'If your browser blocks the download (the original site has no https), get the four files yourself and drop them here.',
    fashionHome: 'Original site',
    images: 'Training images',
    epochs: 'Epochs',
    batchSize: 'Batch size',
    optimizer: 'Optimizer',
    optimizers: {
      sgd: 'SGD',
      momentum: 'SGD with momentum',
      nesterov: 'SGD with Nesterov momentum',
      adam: 'Adam',
      adamw: 'AdamW',
    },
    rate: 'Learning rate',
    cosine: 'Cosine learning-rate schedule',
    backend: 'Backend',
    backends: { wasm: 'WebAssembly (CPU)', webgl: 'WebGL (GPU)', webgpu: 'WebGPU (GPU)' },
    kernels: "With vgg-blocks' kernels",
    half: '16-bit floats',
    absent: 'not in this browser',
    start: 'Train',
    again: 'Start over',
    goOn: 'Continue',
    pause: 'Pause',
    resume: 'Resume',
    stop: 'Stop',
    phases: {
      idle: 'Ready.',
      starting: 'Starting the backend…',
      data: 'Preparing the images…',
      building: 'Initializing the weights…',
      training: 'Training',
      paused: 'Paused. The weights, the optimizer state and the image order are still in memory.',
      stopping: 'Stopping after this batch…',
      opening: 'Reading the file…',
      teaching: 'Learning your own images…',
      painting: 'Painting…',
    },
    first: 'The first step takes longest: the backend is compiling its programs.',
    download: (done: string, total: string) => `Downloading: ${done} of ${total}`,
    cancel: 'Cancel',
    epoch: (epoch: number, of: number) => `Epoch ${epoch} of ${of}`,
    speed: (perSecond: number) => `${number(Math.round(perSecond))} examples/s`,
    left: (seconds: number) =>
      seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`,
    finished: (accuracy: number) =>
      `Trained: ${percent(accuracy)} of the test images are classified correctly.`,
    nothing: (loss: number, chance: number) =>
      `Trained, but the network has learned nothing: its loss of ${loss.toFixed(2)} is no better than guessing (${chance.toFixed(2)}).`,
    because: {
      high: (rate: number, better: number) =>
        `The learning rate of ${rate} is too high: start over with ${better}.`,
      low: (rate: number, better: number) =>
        `The learning rate of ${rate} is too low: start over with ${better}.`,
      images: 'Check the images and their labels.',
      other: 'It may only be slow: train for more epochs, or start over with batch normalization.',
    },
    stopped: 'Stopped. What the network has learned is kept: look inside, save it, or continue.',
    diverged: (epoch: number) =>
      `The loss became infinite, or higher than guessing gives. ${
        epoch > 0
          ? `The network is back to its weights after ${counted(epoch, 'epoch')}.`
          : 'The network has learned nothing.'
      } Start over with a lower learning rate or with batch normalization.`,
    ways: {
      resume: (to: number) =>
        `“Continue” picks up where training stopped, up to epoch ${to}, with the same settings.`,
      later: (epochs: number, rate: number) =>
        `“Continue” trains for ${counted(epochs, 'more epoch')} at a constant learning rate of ${rate}, a tenth of the previous one, so that nothing learned is lost.`,
      chosen: (epochs: number, rate: number) =>
        `“Continue” trains for ${counted(epochs, 'more epoch')} with the settings on this page, at a learning rate of ${rate}.`,
    },
    waiting: (file: string) => `${file} will open as soon as training ends or is stopped.`,
    hidden:
      'This page is in the background. Training continues, but some browsers slow it down, and phones may stop it.',
    moved: (backend: string) =>
      `The backend or its kernels have changed: “Continue” moves the weights to ${backend}.`,
    changed: (now: string, before: string) =>
      `The network or the images have changed. “Start over” builds the new network, ${now}; “Continue” trains the previous one, ${before}. Both are kept.`,
    classesFew: (have: number, need: number) =>
      `The images have ${counted(need, 'class', 'classes')}, but the network has only ${counted(have, 'output')}. Use at least ${need}.`,
    emptyTitle: 'No curves yet',
    empty:
      'Once you train, loss and accuracy are drawn here as they change. Training runs in a worker, so the page stays responsive.',
    curves: 'Loss and accuracy',
    loss: 'Loss',
    accuracy: 'Accuracy',
    trainLoss: 'training loss, last 20 batches',
    trainAccuracy: 'training accuracy, last 20 batches',
    testOf: (title: string) => `test accuracy of ${title}`,
    testAccuracy: 'test accuracy',
    chartLabel: (epochs: number, loss: string, accuracy: string) =>
      `After ${counted(epochs, 'epoch')}: training loss ${loss}, training accuracy ${accuracy}.`,
    epochAxis: (n: number) => `epoch ${n}`,
    table: 'Epoch by epoch',
    columns: {
      epoch: 'Epoch',
      loss: 'Loss',
      train: 'Training accuracy',
      test: 'Test accuracy',
      speed: 'Examples/s',
    },
    current: 'This run',
  },

  runs: {
    title: 'Your runs',
    note: 'Kept in this browser until you remove them. Tick some to compare their curves.',
    cannotKeep:
      'This browser does not let the page keep networks, or has no room for them: save what you have trained before you leave or reload.',
    compare: (name: string) => `Compare: ${name}`,
    sets: {
      garments: 'garments',
      'fashion-mnist': 'Fashion-MNIST',
      files: 'your own files',
      imported: 'a history file',
    },
    about: (images: string, epochs: number, when: string) =>
      `${images} · ${counted(epochs, 'epoch')} · ${when}`,
    when: (at: number) => new Date(at).toLocaleString('en-US', { dateStyle: 'medium', timeStyle: 'short' }),
    shown: 'shown',
    open: 'Open',
    remove: 'Remove',
    keep: 'Keep it',
    question: (title: string, when: string, epochs: number) =>
      `Remove ${title} from ${when}, trained for ${counted(epochs, 'epoch')}? Its weights and curves cannot be recovered.`,
    interrupted: (title: string, epoch: number, of: number) =>
      `Training of ${title} was interrupted after ${epoch} of ${counted(of, 'epoch')}. Nothing is lost.`,
    goOn: 'Continue where you left off',
  },

  errors: {
    gpu: 'The page lost access to the GPU.',
    kernels:
      "The GPU could not run a kernel. Turn off vgg-blocks' kernels in the settings, or use WebAssembly.",
    memory: 'Out of memory. Use a smaller batch, image or network.',
    files: {
      damaged: 'This file is damaged or incomplete: get it again.',
      unknown: 'This is not a weight file that can be read here.',
      foreign: 'The network in this file is not a VGG, or has parts that no VGG has.',
      parts: 'The weights of this model.json are in other files: drop all of them together.',
      other: 'This file cannot be used.',
    },
    image: 'The browser cannot read this image. Convert it to JPEG or PNG.',
    network: 'A part of this page could not be loaded. Check your connection, then reload the page.',
    value: 'These settings do not work together.',
    infinite:
      'The outputs of this network are infinite or not numbers: its training diverged, or its file is damaged. Start over with a lower learning rate.',
    otherFiles: (names: string) =>
      `This network was trained on other files. Drop them on this page again: ${names}.`,
    other: 'Something went wrong.',
    ended: 'The browser stopped the worker that runs the network.',
    nothingKept: 'No weights had been saved yet.',
    kept: (epoch: number) =>
      `The weights after ${counted(epoch, 'epoch')} are safe: save them, or continue from there.`,
    fashion: 'Fashion-MNIST could not be downloaded.',
    unknownFile: (name: string) =>
      `${name} cannot be read here. Drop weights (.safetensors, .pth, .h5, .keras, .onnx, model.json), IDX data, images or a history.json.`,
    shard: (name: string) => `${name} is one half of a tfjs model: drop it together with its model.json.`,
    details: 'Error details',
    close: 'Dismiss this message',
  },

  save: {
    title: 'Save',
    safetensors: 'Weights, safetensors (PyTorch names)',
    keras: 'Weights, safetensors (Keras names)',
    tfjs: 'tfjs model (two files)',
    rescued: (epoch: number) => `Rescued weights, after ${counted(epoch, 'epoch')}`,
  },

  inside: {
    title: 'Look inside',
    emptyTitle: 'Nothing of yours is trained yet.',
    empty: 'This is the sample network. Train your own, or open a weight file.',
    toTrain: 'Go to training',
    toWeights: 'Go to weight files',
    which: 'Network',
    trained: 'Trained here',
    image: 'Image',
    drawHere: 'Draw your own here',
    filled: 'the network sees it filled in',
    others: 'Show other garments',
    loading: 'Loading a trained network (about 0.7 MB)…',
    fromTest: 'Test set',
    draw: 'Draw',
    own: 'Your image',
    number: 'Number in the test set',
    next: 'Next image',
    previous: 'Previous image',
    isA: (name: string) => `Class: ${name}`,
    clear: 'Clear',
    drawHint: 'Draw with a mouse, finger or pen: light on black, like the training images.',
    drawFirst: 'Draw something, and its guess appears here.',
    ownFirst: 'Choose an image, and its guess appears here.',
    drawLabel: 'Drawing area',
    chooseImage: 'Choose an image',
    dropHint: 'Or drop one anywhere on this page. It stays on your device.',
    invert: 'Light background: invert black and white',
    preprocessing: 'Preprocessing',
    preprocessings: {
      plain: 'as in training here (0 to 1)',
      torchvision: 'torchvision and timm',
      keras: 'Keras VGG',
      file: 'as the file says',
    },
    sees: 'What it sees',
    guesses: 'What it says',
    heat: 'Where it looks',
    /** The ends of its colors. */
    heatScale: ['least influence', 'most'],
    methods: {
      gradcam: 'Grad-CAM',
      'gradcam++': 'Grad-CAM++',
      layercam: 'LayerCAM',
      scorecam: 'Score-CAM',
      saliency: 'Gradient',
      smoothgrad: 'SmoothGrad',
      'integrated-gradients': 'Integrated gradients',
      occlusion: 'Occlusion',
    },
    methodAbout: {
      gradcam: 'The last feature maps, each weighted by how much the class depends on it.',
      'gradcam++':
        'Like Grad-CAM, but only positive gradients count: it finds several objects more completely.',
      layercam: 'Like Grad-CAM, but each pixel of a map has its own weight, so the map is finer.',
      scorecam: 'Needs no gradients: a map weighs more if the class scores higher with only its part shown.',
      saliency: 'How much the class reacts to a small change of each pixel.',
      smoothgrad: 'The gradient averaged over noisy copies of the image, which leaves fewer speckles.',
      'integrated-gradients': 'Gradients added up on the way from a blank image to this one.',
      occlusion: 'How much the class loses when a square of the image is covered.',
    },
    confusion: 'Confusion matrix',
    confusionNote: 'Rows are true classes, columns predicted ones; what is off the diagonal was confused.',
    accuracy: (fraction: number) => `${percent(fraction)} correct`,
    worst: 'Worst mistakes',
    worstNote: 'The test images whose true class got the lowest probability. Choose one to look inside.',
    worstLabel: (is: string, predicted: string, probability: string) =>
      `${is}, classified as ${predicted} (${probability})`,
    truth: (is: string) => `is ${is}`,
    none: 'None: every test image is classified correctly.',
    classify: 'Classify the test set',
    noTop: 'This file has no classifier, so only its features can be shown.',
    working: 'Computing…',
  },

  ...instrument,

  drop: { here: 'Drop files here', hint: 'Weights, IDX data, images or a history' },
};

export type FirstText = typeof en;
/** Every text of the playground. */
export type Text = FirstText & typeof later;
