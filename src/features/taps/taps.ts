import { fail, shown } from '../../base/check.js';
import { isAverage } from '../../core/vgg.js';
import { activationOf, lastCalls } from '../../tfjs/classifier.js';
import { type Call, type Graph, readersOf } from '../../tfjs/graph.js';

/** A point in a network where its numbers can be read. */
export interface Tap {
  call: Call;
  /** Before or after the layer's activation; the same for a layer that has none. */
  side: 'before' | 'after';
}

/**
 * The point that a name stands for: a layer's own name, or another that `featureExtractor` documents.
 *
 * @throws RangeError when there is no such layer, with a list of the names, or several.
 */
export function tapOf(where: string, graph: Graph, name: string): Tap {
  const named = graph.calls.filter(({ layer }) => layer.name === name);
  if (named.length > 1) {
    fail(
      where,
      `the name ${shown(name)} stands for ${named.length} calls of layers; give the layers different names, or use the name of one that is called once.`,
    );
  }
  if (named.length === 1) return { call: named[0]!, side: 'after' };
  const taps = aliasesOf(graph);
  const tap = taps.get(name);
  if (tap) return tap;
  const layers = graph.calls.map(({ layer }) => layer.name).join(', ');
  const aliases = [...taps.keys()].filter((alias) => /^(conv|relu|bn|pool)/.test(alias)).slice(-4);
  fail(
    where,
    `there is no layer ${shown(name)}; the layers are ${layers}${aliases.length > 0 ? `, also under other names such as ${aliases.join(', ')}` : ''}.`,
  );
}

/**
 * The first and the last call with a name; they differ only for a block (`block5`).
 *
 * @param name a block, a layer, or any other name that `featureExtractor` knows.
 * @throws RangeError when there is no such block or layer.
 */
export function callsOf(where: string, graph: Graph, name: string): { first: Call; last: Call } {
  const block = blocksOf(graph).get(name);
  if (block && !graph.calls.some(({ layer }) => layer.name === name))
    return { first: block[0]!, last: block.at(-1)! };
  const { call } = tapOf(where, graph, name);
  return { first: call, last: call };
}

/** The calls from the input on, as long as each alone reads the one before it. */
function* trunkOf(graph: Graph): Generator<Call> {
  for (let call: Call | undefined = graph.input; call; ) {
    const [reader, ...others]: Call[] = readersOf(graph, call);
    call = others.length === 0 && reader?.inputs.length === 1 ? reader : undefined;
    if (call) yield call;
  }
}

/** The place of a call in a VGG. */
interface Place {
  call: Call;
  kind: 'conv' | 'bn' | 'relu' | 'pool' | 'dense';
  /** The number of its block, or 0 in the top. */
  block: number;
  /** The number of its convolution within the block, or of its dense layer, from 1. */
  number: number;
}

/**
 * The places of a network's layers, by Keras' names where the layers have them, otherwise by their order: a pooling ends a block,
 * and a dense layer begins the top.
 */
function* placesOf(graph: Graph): Generator<Place> {
  let [block, number] = [1, 0];
  for (const call of trunkOf(graph)) {
    const kind = kindOf(call);
    const [, own, conv] = /^block(\d+)_(?:conv(\d+)|pool)/.exec(call.layer.name) ?? [];
    if (own) block = Number(own);
    if (kind === 'conv') number = conv ? Number(conv) : number + 1;
    if (kind === 'dense') [block, number] = [0, block === 0 ? number + 1 : 1];
    if (!kind || number === 0 || (kind === 'pool' && block === 0)) continue;
    yield { call, kind, block, number };
    if (kind === 'pool') [block, number] = [block + 1, 0];
  }
}

function kindOf(call: Call): Place['kind'] | undefined {
  const { name } = call.layer;
  switch (call.layer.getClassName()) {
    case 'Conv2D':
      return /^fc\d+$/.test(name) ? 'dense' : 'conv';
    case 'Dense':
      return isAverage(name) ? undefined : 'dense';
    case 'BatchNormalization':
      return 'bn';
    case 'ReLU':
      return 'relu';
    case 'Activation':
      return activationOf(call) === 'relu' ? 'relu' : undefined;
    case 'MaxPooling2D':
    case 'AveragePooling2D':
      return /^avgpool/.test(name) ? undefined : 'pool';
    default:
      return undefined;
  }
}

/** The calls of each block, from its first convolution to its pooling. */
function blocksOf(graph: Graph): Map<string, Call[]> {
  const blocks = new Map<string, Call[]>();
  for (const { call, block } of placesOf(graph)) {
    if (block > 0) blocks.set(`block${block}`, [...(blocks.get(`block${block}`) ?? []), call]);
  }
  return blocks;
}

/** The names of a VGG's layers besides their own. */
function aliasesOf(graph: Graph): Map<string, Tap> {
  const taps = new Map<string, Tap>();
  const add = (call: Call, side: Tap['side'], ...names: string[]) => {
    for (const name of names) if (!taps.has(name)) taps.set(name, { call, side });
  };
  // torchvision numbers convolutions, batch normalizations, ReLUs and poolings one by one.
  let module = 0;
  for (const { call, kind, block, number } of placesOf(graph)) {
    // Caffe counts on from the five blocks; torchvision numbers a linear layer, its ReLU and its dropout one by one.
    const [of, first] = block > 0 ? [`${block}_${number}`, module] : [5 + number, 3 * (number - 1)];
    const modules = block > 0 ? 'features' : 'classifier';
    if (kind === 'conv' || kind === 'dense') {
      add(call, 'before', `${kind === 'conv' ? 'conv' : 'fc'}${of}`, `${modules}.${first}`);
      if (activationOf(call) === 'relu') {
        add(call, 'after', `relu${of}`, `${modules}.${first + 1}`);
        module++;
      }
    } else if (kind === 'pool') add(call, 'after', `pool${block}`, `${modules}.${first}`);
    else add(call, 'after', `${kind}${of}`, `${modules}.${block > 0 ? first : first + 1}`);
    module++;
  }
  const end = lastCalls(graph);
  const logits = end.at(-1);
  const hasProbabilities = end.some((call) => /^(softmax|logSoftmax|sigmoid)$/.test(activationOf(call)));
  if (logits && kindOf(logits) === 'dense' && activationOf(logits) !== 'relu')
    add(logits, 'before', 'logits');
  else if (logits && hasProbabilities && activationOf(logits) === 'linear') add(logits, 'after', 'logits');
  return taps;
}
