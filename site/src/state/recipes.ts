/** How a picture is made ready: 0 to 1 as in training here, or by the recipe of torchvision's or Keras' weights. */
export const RECIPES = ['unit', 'torchvision', 'keras'] as const;
export type Recipe = (typeof RECIPES)[number];
