import type { WireField } from '../protobuf.js';

/** Bytes of the file. */
export type Span = Pick<WireField, 'start' | 'length'>;

/** A tensor in an ONNX file; its numbers are where one of the last four fields says. */
export interface OnnxTensor {
  name: string;
  /** The number of its type in onnx.proto. */
  type: number;
  dims: number[];
  /** Little-endian numbers, one after the other. */
  raw?: Span;
  /** Numbers of 32 bits or fewer as varints. */
  int32?: Span;
  int64?: Span;
  /** In another file. */
  external?: { location: string; offset: number; length?: number };
}

/** An attribute of an operator, as far as one of a VGG has such attributes. */
export type OnnxAttribute = number | string | number[] | OnnxTensor;

/** An operator in a graph. */
export interface OnnxNode {
  op: string;
  /** The domain of the operator: '' for ONNX's own. */
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  /** By their names; undefined for a kind that no operator of a VGG has, such as a graph. */
  attributes: Map<string, OnnxAttribute | undefined>;
}

/** An input or an output of a graph. */
export interface OnnxValue {
  name: string;
  /** The number of its type; undefined if it is not stated. */
  type?: number;
  /** Its lengths, null where they are not fixed; undefined if it is not stated. */
  dims?: (number | null)[];
}

/** The content of an ONNX file. */
export interface OnnxModel {
  /** The version of ONNX's own operators. */
  opset: number;
  name: string;
  nodes: OnnxNode[];
  initializers: OnnxTensor[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  metadata: Map<string, string>;
}
