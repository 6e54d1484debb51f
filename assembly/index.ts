export { convolve, convolveBytes, filterBytes, filterGradient, filterGradientBytes, prepareFilter } from './convolution';
export { direct, directFilter, directFilterBytes, directFilterGradient, directGradientBytes } from './direct';
export { maxPoolGradient } from './pool';
export { maxPoolChoices, spreadChoices } from './poolChoices';
export { product, productBytes, productOfFew, productOfFewBytes } from './product';
export { reluGradient } from './relu';
export { sparseBytes, sparseProduct, zeros } from './sparse';
export { sumRows } from './sum';
export { adamUpdate, momentumUpdate, sgdUpdate } from './update';
