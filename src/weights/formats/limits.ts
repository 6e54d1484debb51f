/**
 * Limits for weight files, which are untrusted input. Each is far above what a VGG needs and far below what does harm, so that
 * a file of a few bytes cannot make its reader allocate gigabytes or run forever.
 */

/** Tensors in a file; VGG-19 with batch normalization and Adam's two moments has under 400. */
export const MAX_TENSORS = 10_000;

/** Axes of a tensor; a convolution's kernel has 4. */
export const MAX_RANK = 8;

/** Elements of a tensor; the first fully connected layer of VGG-16 has 103 million. */
export const MAX_ELEMENTS = 2 ** 31;

/** Bytes of a header: safetensors' JSON, a pickle, a zip's directory, a model's configuration. VGG-19-BN's have 20 kB. */
export const MAX_HEADER_BYTES = 16 * 2 ** 20;

/** Characters of a tensor's name; the longest of torchvision, timm and Keras have 40. */
export const MAX_NAME_LENGTH = 512;

/**
 * A file may unpack to this many times its size, plus {@link MAX_HEADER_BYTES}, and so may its tensors together. PyTorch and
 * Keras do not compress, and trained weights shrink by a tenth; a file that shrinks much more is a zip bomb.
 */
export const MAX_UNPACKING_RATIO = 10;
