import { FormatError } from '../../core/errors.ts';
import type { ByteSource } from '../types.ts';

/** Throws FormatError unless [start, end) lies inside the source. */
export function checkRange(source: { name: string; byteLength: number }, start: number, end: number): void {
  if (
    !(
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(end) &&
      start >= 0 &&
      start <= end &&
      end <= source.byteLength
    )
  ) {
    throw new FormatError(`${source.name}: bytes ${start} to ${end} were asked for, it has ${source.byteLength}`);
  }
}

/** File name at the end of a path or URL. */
export function baseName(name: string): string {
  return name.replace(/[?#].*$/, '').replace(/^.*[/\\]/, '');
}

/** Opens files that stand beside a file by their bare name; undefined when there is no such file. */
export interface SourceFolder {
  /** For messages. */
  readonly name: string;
  open(fileName: string): Promise<ByteSource | undefined>;
}

/** Throws FormatError unless `fileName` is a bare name: a file must not lead its reader out of its own folder. */
export function checkBareName(subject: string, fileName: string): void {
  if (fileName === '' || fileName === '.' || fileName === '..' || /[/\\]|\p{Cc}/u.test(fileName)) {
    throw new FormatError(
      `${subject}: names the file ${JSON.stringify(fileName)}; expected a bare file name in the same folder`,
    );
  }
}
