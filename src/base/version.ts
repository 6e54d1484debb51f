/** Replaced in the build by the version in package.json. */
declare const VGG_BLOCKS_VERSION: string | undefined;

/** The version of the library; `'source'` when it was not built. */
export const VERSION = typeof VGG_BLOCKS_VERSION === 'string' ? VGG_BLOCKS_VERSION : 'source';
