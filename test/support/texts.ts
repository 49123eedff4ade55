import { readdirSync } from 'node:fs';
import { loadText } from '../../src/text/load.node.ts';
import { shared } from './shared.ts';

/** Texts at whose edges tokenizers differ. */
export const edgeTexts: readonly string[] = [
  '',
  ' ',
  'a',
  "I'Ve we'LL 'tis it's",
  '\u00a0\u3000\u2003 x\u200by\ufeffz',
  'line\r\nline\n\n\n\tindent\n',
  '<|endoftext|> </s> <s> <|im_end|>',
  'é e\u0301 \u0e01\u0e33 ﬁ ½ ² ③ \u{1d7d8}\u{1f9ff}',
  '1234567 3.14 १२३ ۱۲۳',
  'camelCaseWord приветМир ΑΒγδ ǅungla',
  '\u0000\u0001\u007f',
  // Digits in threes from the right, digits of several scripts, letters beside them.
  '12३45 abc1234def567gh 1abc 12345678 1,234,567.89 ٣٤٥٦٧',
  'İstanbul ß Σας 각하 한국어 テスト ㌔ ① 各位abc中文1234。ภาษาไทย',
  '  a  b   c \n\n\n\n a\n\n <sentinel:12>IMGIMGABCZ\t',
  '\ue000\u0378x $+<=>^`|~ naïve café',
];

/** Pieces of all shared texts and the edge cases. */
export async function sampleTexts(length: number): Promise<string[]> {
  const folder = shared('text')!;
  const texts: string[] = [...edgeTexts];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.gz'))) {
    const { text } = await loadText([`${folder}/${name}`]);
    for (const share of [0.1, 0.7]) {
      const start = Math.floor(text.length * share);
      texts.push(text.slice(start, start + length).toWellFormed());
    }
  }
  return texts;
}
