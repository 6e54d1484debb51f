/** `kernelSize` as `kernel_size`, `MaxPooling2D` as `max_pooling2d`, `LeakyReLU` as `leaky_re_lu`: Keras' rule. */
export function snakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}
