import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { FormatError } from '../core/errors.ts';
import { decodeText } from './load.ts';
import { type Document, documentOf, noTextField, usedFields } from './records.ts';

/** A file that is read in parts. */
export interface PartedFile {
  readonly name: string;
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** Endings of files that a folder's texts are looked for in, each also with `.gz`. */
export const textEndings = ['.txt', '.md', '.jsonl', '.ndjson', '.json', '.parquet'] as const;

/** Bytes of text that are read of a corpus at most; more cannot be one string. */
export const mostTextBytes = 256 * 2 ** 20;

/**
 * The texts of a file, by the ending of its name: .jsonl, .json and .parquet hold records (`documentOf`), anything else
 * is one plain text.
 * @param name with its ending, without `.gz`
 * @param bytes unzipped
 * @throws FormatError when a record is ill-formed, or plain text is not UTF-8
 */
export function documentsOf(name: string, bytes: Uint8Array): Document[] {
  const text = decodeText(bytes, name);
  if (/\.(?:jsonl|ndjson)$/i.test(name)) {
    const lines = text.split('\n').map((line, i): [string, string] => [line.trim(), `${name} line ${i + 1}`]);
    return lines.filter(([line]) => line !== '').map(([line, where]) => apart(documentOf(parse(line, where), where)));
  }
  if (!/\.json$/i.test(name)) return [{ text }];
  const parsed = parse(text, name);
  const records: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return records.map((record, i) => apart(documentOf(record, `${name} record ${i + 1}`)));
}

/**
 * The texts of a Parquet file, row group by row group, until they are `mostTextBytes` long.
 * @throws FormatError when it is damaged, compressed in a way that is not read, or has no column of texts
 */
export async function documentsOfParquet(file: PartedFile): Promise<Document[]> {
  const { name } = file;
  const metadata = await parquet(name, () => parquetMetadataAsync(file));
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = usedFields(names);
  if (columns === undefined) throw noTextField(names, name);
  const documents: Document[] = [];
  let [rowStart, length] = [0, 0];
  for (const { num_rows: rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(rows);
    const records = await parquet(name, () => parquetReadObjects({ file, metadata, columns, rowStart, rowEnd }));
    for (const [i, record] of records.entries()) {
      const document = apart(documentOf(record, `${name} row ${rowStart + i + 1}`));
      documents.push(document);
      length += 'text' in document ? document.text.length : JSON.stringify(document.messages).length;
    }
    if (length >= mostTextBytes) break;
    rowStart = rowEnd;
  }
  return documents;
}

/** Texts of records are paragraphs of their own. */
function apart(document: Document): Document {
  return 'text' in document ? { text: `${document.text}\n\n` } : document;
}

async function parquet<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new FormatError(
      `${name}: cannot be read as Parquet (${(error as Error).message}); check the file, or export its text as .jsonl`,
      { cause: error },
    );
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${where}: is not valid JSON; correct the file`, { cause: error });
  }
}
