const count = (n: number, one: string, many = `${one}s`) =>
  `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;

/** The texts of the visitor's own images in English, loaded with their view. */
export const own = {
  list: (names: readonly string[]) => names.join(', '),

  classes: {
    title: 'Show it examples',
    about:
      'Two classes or more, five images each: two mugs, or a thumb up and a thumb down. More, and more varied, is better.',
    className: (n: number) => `Class ${n}`,
    nameLabel: (n: number) => `Name of class ${n}`,
    count: (n: number) => count(n, 'image'),
    needs: (n: number) => `${n} more to begin`,
    drop: 'Drop images here',
    choose: 'Choose images',
    camera: 'Camera',
    folder: 'Choose a folder',
    folderHint: 'Each folder within a chosen or dropped folder becomes a class.',
    add: 'Add a class',
    remove: (name: string) => `Remove ${name}`,
    imageOf: (name: string, n: number) => `${name}, image ${n}`,
    reading: (done: number, total: number) => `Reading image ${done} of ${total}…`,
    removedImage: (image: string) => `${image} was removed.`,
    removedClass: (name: string, images: number) => `${name} was removed, with ${count(images, 'image')}.`,
    undo: 'Undo',
    taken: 'camera',
    unusable: (names: string, kept: number) =>
      `${names} could not be used. ${kept === 0 ? 'Nothing was added.' : `${count(kept, 'image')} ${kept === 1 ? 'was' : 'were'} added.`}`,
    heic: (names: string) => `${names}: most browsers cannot read HEIC. Convert it to JPEG or PNG.`,
    noImages: 'No images were found in it.',
    cannotKeep:
      'This browser does not let the page keep images, or has no room for them: they are gone after a reload.',
    kept: 'They stay in this browser, even after a reload, until you remove them.',
  },

  camera: {
    asking: 'Waiting for the camera: your browser asks whether this page may use it.',
    hold: 'Hold to take images',
    holdHint: 'Or hold the space bar. Turn and move what you show.',
    off: 'Turn the camera off',
    other: 'Other camera',
    view: 'What the camera sees',
    again: 'Try again',
    faults: {
      refused:
        'The browser does not let this page use the camera. Allow it (at the camera icon in the address bar) and try again.',
      none: 'There is no camera. Connect one, or choose files.',
      busy: 'The camera does not start: another program may be using it. Close that program and try again.',
      insecure: 'Browsers open a camera only for pages on https or localhost. Choose files instead.',
      ended: 'The camera was disconnected, or its permission withdrawn.',
      other: 'The camera could not be started.',
    },
  },

  teach: {
    title: 'Train',
    base: 'Start from',
    bases: {
      sample: 'The small network of this page',
      sampleAbout: 'It learned gray garments of 28×28 pixels: fine for shapes on a plain background.',
      openedAbout: (input: string) => `From the file that you opened; it sees ${input}.`,
      large: (weights: string, all: string) =>
        `Its weights take ${weights}, and computing features about ${all} in all: more than most phones give to a page. A file of its convolutions alone works as well, in half of that.`,
    },
    better:
      'For photos, a VGG-16 that learned from ImageNet is much better; its convolutions alone (59 MB) are enough:',
    open: 'open its file',
    preprocessing: 'Preprocessing',
    start: 'Train',
    again: 'Train again',
    cancel: 'Cancel',
    few: 'Add a second class.',
    needs: (names: string) => `Still too few images: ${names}.`,
    lacks: (name: string, n: number) => `${name} needs ${n} more`,
    twice: (name: string) => `Two classes are called ${name}: rename one.`,
    busy: 'The worker is busy with another network. This can begin once that has ended or was stopped.',
    ready: (images: number, classes: number) =>
      `Ready: ${count(images, 'image')} in ${count(classes, 'class', 'classes')}.`,
    stages: {
      starting: 'Loading the network…',
      features: (done: number, total: number) => `Computing features: image ${done} of ${total}`,
      training: (done: number, total: number) => `Training the new layer: step ${done} of ${total}`,
    },
    done: (images: number, seconds: string) => `Trained on ${count(images, 'image')} in ${seconds} s.`,
    held: (right: number, of: number, percent: string) =>
      `Of ${count(of, 'image')} that it had not seen, ${right} ${right === 1 ? 'is' : 'are'} right (${percent}).`,
    heldFew: 'That is too few to trust the number: add images, or try new ones.',
    heldAlike: 'Images taken one after another look alike, so this number is too high: try new ones.',
    stale: 'Your images have changed since: train again.',
    explained:
      'The network stays as it is. Its features of each image are computed once and kept; only a new last layer is trained on them.',
    explainedMore: 'How this works, and how to go further',
  },

  tryIt: {
    title: 'Try it',
    waiting: 'Once it is trained, show it something new, with the camera or as an image.',
    empty: 'Show it something new.',
    choose: 'Choose an image',
    image: 'The image',
    heat: 'Show where it looks (Grad-CAM)',
    answers: 'Its answer',
    always: 'It always names one of your classes, whatever you show.',
    reopen: (file: string) => `This was trained on ${file}. Open that file again to get answers.`,
    toWeights: 'Go to weight files',
  },
};
