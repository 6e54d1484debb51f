/**
 * The name under which files of all kinds contain a model's preprocessing and class names, as JSON: in the metadata of
 * safetensors, the `userDefinedMetadata` of tfjs, the `metadata.json` of `.keras`, an attribute of the root of HDF5, and the
 * record `extra/vgg_blocks.json` of PyTorch's archives. The frameworks ignore it in each of these places.
 */
export const METADATA_KEY = 'vgg_blocks';
