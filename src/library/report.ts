import { checkReportData } from '../report/check.ts';
import { reportHtml } from '../report/html.ts';
import { reportMarkdown } from '../report/markdown.ts';
import type { ReportData } from '../report/types.ts';

/** How a report is written. */
export interface ReportOptions {
  /** One page that opens offline, or text for a pull request; default `html`. */
  as?: 'html' | 'markdown';
}

/**
 * Makes the report of a file that was made: size against quality, bits by layer, sensitivities, what was measured.
 * @param record `record` of what `quantize` returned, or the parsed JSON that the command line saves beside its file
 * @param options whether as a page or as Markdown
 * @returns the text of the page
 * @throws FormatError when the record is none, is of another version, or has a number that is not finite
 */
export function report(record: ReportData | object, { as = 'html' }: ReportOptions = {}): string {
  const data = checkReportData(record, 'record');
  return as === 'markdown' ? reportMarkdown(data) : reportHtml(data);
}
