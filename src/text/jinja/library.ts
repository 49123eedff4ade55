import * as jinja from '@huggingface/jinja';

/** A value of a running template, as the library holds it. */
export interface Value {
  /** `StringValue`, `IntegerValue`, `ArrayValue`, … */
  readonly type: string;
  readonly value: unknown;
  /** Python's truth. */
  __bool__(): { readonly value: boolean };
}

/** A node of the syntax tree. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Variables in sight, inner ones first. */
export interface Scope {
  readonly tests: ReadonlyMap<string, (...values: Value[]) => boolean>;
  /** Declares a variable from a JavaScript value, and gives it as the library's. */
  set(name: string, value: unknown): Value;
}

interface Library {
  readonly Environment: new () => Scope;
  readonly Interpreter: new (
    scope: Scope,
  ) => { run(program: Node): Value; evaluate(node: Node | undefined, scope: Scope): Value };
  tokenize(template: string, options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean }): unknown;
  parse(tokens: unknown): Node;
}

/** What the layer uses of `@huggingface/jinja`, whose own declarations of it Node's rules of modules do not find. */
export const { Environment, Interpreter, tokenize, parse } = jinja as unknown as Library;
