// The report of a file that was made: as a page, or as Markdown for a pull request.
import { readFile } from 'node:fs/promises';
import { report } from 'bitbudget';

const record = JSON.parse(await readFile('tiny.bitbudget.json', 'utf8'));
console.log(report(record, { as: 'markdown' }));
