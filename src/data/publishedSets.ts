import { GARMENT_NAMES } from './garments/names.js';

/** The four files of a data set. */
export type IdxPart = 'trainImages' | 'trainLabels' | 'testImages' | 'testLabels';

export const PARTS: readonly IdxPart[] = ['trainImages', 'trainLabels', 'testImages', 'testLabels'];

/** The published names of the files, unpacked. */
export const IDX_NAMES: Record<IdxPart, string> = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};

/** A file of a published data set. */
export interface PublishedFile {
  name: string;
  bytes: number;
  /** SHA-256 of the gzipped file, from TensorFlow Datasets' checksum lists. */
  sha256: string;
}

/**
 * A published data set: its location and its files. Nothing is fetched until it is passed as a source. A mirror is checked the
 * same way: `{ ...FASHION_MNIST, home: 'https://mirror.example/fashion/' }`.
 */
export interface PublishedDataset {
  /** URL of the folder with the files. */
  home: string;
  files: Record<IdxPart, PublishedFile>;
  classNames: readonly string[];
  license: string;
}

/** Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 60000 and 10000 images of garments, 28x28 gray. 31 MB. */
export const FASHION_MNIST: PublishedDataset = {
  home: 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  files: published([
    [26421880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
    [29515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
    [4422102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
    [5148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
  ]),
  classNames: GARMENT_NAMES,
  license: 'MIT, Zalando SE',
};

/** MNIST (LeCun, Cortes & Burges 1998), from a mirror: 60000 and 10000 handwritten digits, 28x28 gray. 12 MB. */
export const MNIST: PublishedDataset = {
  home: 'https://storage.googleapis.com/cvdf-datasets/mnist/',
  files: published([
    [9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
    [28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
    [1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
    [4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
  ]),
  classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  license: 'CC BY-SA 3.0',
};

function published(files: [bytes: number, sha256: string][]): Record<IdxPart, PublishedFile> {
  const named = PARTS.map((part, i) => [
    part,
    { name: `${IDX_NAMES[part]}.gz`, bytes: files[i]![0], sha256: files[i]![1] },
  ]);
  return Object.fromEntries(named) as Record<IdxPart, PublishedFile>;
}
