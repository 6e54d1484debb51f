import { type ConvArch, VGG11, VGG13, VGG16, VGG16C, VGG19 } from './arch.js';

/** A member of the VGG family. */
export interface FamilyMember {
  /** Its usual name, such as `VGG-16`. */
  title: string;
  /** Its column in table 1 of Simonyan & Zisserman (2014). */
  config: 'A' | 'B' | 'C' | 'D' | 'E';
  arch: ConvArch;
}

/** The five members of the family, by the names of their functions; `vgg16c` is `vgg16({ config: 'C' })`. */
export const FAMILY = {
  vgg11: { title: 'VGG-11', config: 'A', arch: VGG11 },
  vgg13: { title: 'VGG-13', config: 'B', arch: VGG13 },
  vgg16c: { title: 'VGG-16C', config: 'C', arch: VGG16C },
  vgg16: { title: 'VGG-16', config: 'D', arch: VGG16 },
  vgg19: { title: 'VGG-19', config: 'E', arch: VGG19 },
} as const satisfies Record<string, FamilyMember>;

/** The name of a member of the family. */
export type FamilyName = keyof typeof FAMILY;
