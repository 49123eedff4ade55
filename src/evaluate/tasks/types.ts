/** A question with several continuations, of which the model should find one likeliest. */
export interface ChoiceTask {
  readonly kind: 'choice';
  /** Results are told by it. */
  readonly task: string;
  readonly choices: readonly Continuation[];
  /** Index of the right one. */
  readonly answer: number;
}

/** A question whose answer the model should write, word for word. */
export interface AnswerTask {
  readonly kind: 'answer';
  readonly task: string;
  readonly prompt: string;
  /** Any of them is right. */
  readonly answers: readonly string[];
}

/** A question with a right answer: among choices, or to be written. */
export type Task = ChoiceTask | AnswerTask;

/** Text and what should follow it. */
export interface Continuation {
  readonly prompt: string;
  readonly text: string;
}

/** What one model made of one task. */
export interface TaskResult {
  /** Choices: the right one has the largest log-likelihood. Answers: the right one was written. */
  readonly right: boolean;
  /** Choices: the right one has the largest log-likelihood per byte of its text. */
  readonly rightPerByte?: boolean;
  /** Whether the prompt was cut at its beginning to fit the context. */
  readonly cut: boolean;
}

/** A share of tasks with its 95 % interval. */
export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How results are counted: likeliest choice, likeliest per byte, written answer. */
export type TaskMeasure = 'choice' | 'choice per byte' | 'answer';

/** One measure of one task over all its items. */
export interface TaskScore {
  readonly task: string;
  readonly measure: TaskMeasure;
  readonly items: number;
  /** Items whose prompt was cut to fit the context. */
  readonly cut: number;
  readonly accuracy: Share;
  /** Beside the original on the same items, where there is one. */
  readonly against?: {
    readonly accuracy: Share;
    /** Accuracy less the original's. */
    readonly difference: Share;
    /** Items right before and wrong now, and the other way round. */
    readonly lost: number;
    readonly gained: number;
  };
}
