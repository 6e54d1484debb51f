import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { layersWithin } from './models.js';

/** Constructor arguments that layers keep as fields and tfjs 4.22 leaves out of their configurations, by class. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  SeparableConv2D: 'depthMultiplier',
  AlphaDropout: 'noiseShape',
};

type Configuration = ReturnType<layers.Layer['getConfig']>;

/** A layer's configuration, with what tfjs leaves out of it. */
export function configurationOf(layer: layers.Layer): Configuration {
  const given = layer.getConfig();
  const name = LEFT_OUT[layer.getClassName()];
  if (name === undefined || name in given) return given;
  return { ...given, [name]: (layer as unknown as Configuration)[name]! };
}

/** A model's topology as `model.toJSON` writes it, with what tfjs leaves out of the configurations of layers. */
export function topologyOf(model: LayersModel): object {
  const mended = new Set(layersWithin(model).filter((layer) => layer.getClassName() in LEFT_OUT));
  // One that a caller gave the layer itself, and not its class.
  const own = new Map(
    [...mended].map((layer) => [layer, Object.getOwnPropertyDescriptor(layer, 'getConfig')]),
  );
  try {
    for (const layer of mended) {
      const whole = configurationOf(layer);
      Object.defineProperty(layer, 'getConfig', { value: () => whole, configurable: true });
    }
    return model.toJSON(null, false) as object;
  } finally {
    for (const [layer, descriptor] of own) {
      if (descriptor) Object.defineProperty(layer, 'getConfig', descriptor);
      else Reflect.deleteProperty(layer, 'getConfig');
    }
  }
}
