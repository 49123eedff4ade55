import type { Attributes, Call, DataType, Shape, Sizes } from '../kernels/program.ts';

export type {
  Activation,
  Attribute,
  Attributes,
  Call,
  DataType,
  GateActivation,
  Shape,
  Size,
  Sizes,
} from '../kernels/program.ts';

/** Index into `Graph.values`. */
export type ValueId = number;

export interface Type {
  readonly type: DataType;
  /** Rows first: [tokens, width], [n]. */
  readonly shape: Shape;
}

/** Numbers that a run works with. */
export type Value = Type &
  (
    | { readonly source: 'input'; readonly name: string }
    /** A tensor of the model, by its name there. */
    | { readonly source: 'weight'; readonly tensor: string }
    /** Computed once from its recipe, see `constants.ts`. */
    | { readonly source: 'constant'; readonly recipe: Recipe }
    /** Made by a node. */
    | { readonly source: 'node' }
  );

/** How a constant is made. */
export type Recipe =
  /**
   * cos and sin of positions: [positions, pairs, 2]. `frequencies` in radians per position, one per pair; for more than
   * `beyond` positions those of `long`, where there are such.
   */
  | {
      readonly kind: 'rope';
      readonly frequencies: readonly number[];
      readonly magnitude: number;
      readonly long?: { readonly beyond: number; readonly frequencies: readonly number[] };
    }
  /** 1 + scale · ln(1 + ⌊(position + offset) / length⌋): [positions, 1]. */
  | { readonly kind: 'temperature'; readonly scale: number; readonly length: number; readonly offset: number }
  /** One value everywhere. */
  | { readonly kind: 'fill'; readonly value: number }
  /** [rows, columns]: 1 where −before ≤ column − row ≤ after, else 0; null: no bound. */
  | { readonly kind: 'band'; readonly before: number | null; readonly after: number | null }
  /** [rows, columns]: 1 where ⌊row/size⌋ = ⌊column/size⌋, else 0. */
  | { readonly kind: 'chunks'; readonly size: number };

/** An op at work. An optional input that is absent is null. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly (ValueId | null)[];
  readonly outputs: readonly ValueId[];
  readonly attributes: Attributes;
}

/** A network: plain data. Nodes stand in an order in which they can be run. */
export interface Graph {
  readonly values: readonly Value[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly ValueId[];
  /** Nodes at which a segment begins, ascending, without 0: between segments weights come and go. */
  readonly cuts: readonly number[];
}

/** What a program is made for. */
export interface Target {
  /** The blocks that a weight is multiplied from; undefined: float32. */
  packed?(tensor: string): string | undefined;
  /** Bits that the inputs of a weight's products are rounded to; undefined: not at all. */
  inputBits?(tensor: string): number | undefined;
  /** `stream`: states are kept between runs and grow; `whole`: every sequence begins with its first token. */
  readonly states: 'stream' | 'whole';
  /** Number format that a state is kept in; default float32. */
  stateFormat?(state: string): StateFormat | undefined;
}

/** A number format, as far as memory is concerned. */
export interface StateFormat {
  readonly name: string;
  /** Bytes of a row of `width` values. */
  rowBytes(width: number): number;
}

/** Operands beyond a node's values, for `lower`. */
export interface Lowering {
  readonly target: Target;
  typeOf(value: ValueId): Type;
  /** Name of the tensor, where the value is a weight. */
  tensorOf(value: ValueId): string | undefined;
  /** Memory of this node alone. → operand */
  scratch(type: DataType, shape: Shape): number;
  /** Memory that stays between runs. → operand */
  state(name: string, type: DataType, shape: Shape): number;
  /**
   * Memory that stays between runs, but that nodes share: for an output that is used up before the next node of the name
   * takes it. Where one still is not, there are two. → operand
   */
  tile(name: string, type: DataType, shape: Shape, output: ValueId): number;
  /** The node's output is this operand: nothing is computed for it. */
  alias(output: ValueId, operand: number): void;
}

/** Adds a gradient's share to what there is already (or begins with it), and returns the sum. */
export type Share = (addend: ValueId | undefined) => ValueId;

/** Where nodes are added. */
export interface Builder {
  typeOf(value: ValueId): Type;
  constant(recipe: Recipe, shape: Shape): ValueId;
  node(op: string, inputs: readonly (ValueId | null)[], attributes?: Attributes): ValueId;
  nodes(op: string, inputs: readonly (ValueId | null)[], attributes?: Attributes): ValueId[];
}

/** What a weight does in an op. */
export type WeightUse = 'linear' | 'lookup' | 'grouped';

export interface ReplacedState {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One op: one file, registered in `ops/index.ts`. */
export interface Op {
  readonly name: string;
  /** Types of the outputs. @throws FormatError when inputs do not fit */
  infer(inputs: readonly (Type | undefined)[], attributes: Attributes): Type[];
  /** Calls that compute the outputs. Operands of values are their ids. */
  lower(node: Node, lowering: Lowering): Call[];
  /**
   * Vector–Jacobian product: shares of the gradients of the inputs, in their order; null where there is none.
   * @param gradients of the outputs; undefined where nothing depends on one
   */
  vjp?(node: Node, gradients: readonly (ValueId | undefined)[], build: Builder): (Share | null)[];
  /** One of the ops that all others can be expanded into; its own `vjp` is made of primitives too. */
  readonly primitive?: true;
  /**
   * The same outputs from primitives, in whole sequences: what the op is, and where its second derivatives come from.
   * @param node its inputs have shapes of numbers
   * @param sizes of the symbols that they had
   */
  expand?(node: Omit<Node, 'outputs'>, build: Builder, sizes: Sizes): ValueId[];
  /** The state, float32, that every run of a stream replaces: what it held for earlier tokens is gone then. */
  replaces?(node: Pick<Node, 'inputs' | 'attributes'>, typeOf: (id: ValueId) => Type): ReplacedState;
  /** The input whose memory the first output takes over: the kernels change it in place. */
  readonly inPlace?: number;
  /** The input that is a weight, and what it is there. */
  readonly weight?: { readonly input: number; readonly use: WeightUse };
}
