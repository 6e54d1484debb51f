import { METADATA_KEY } from './metadata.js';

/** The orders of the axes of images in ONNX: channels first or last. */
export const LAYOUTS = ['NCHW', 'NHWC'] as const;

export type Layout = (typeof LAYOUTS)[number];

/** The key under which ONNX files of this library say which one they take. */
export const LAYOUT_KEY = `${METADATA_KEY}_layout`;
