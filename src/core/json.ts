/**
 * JSON as Python writes it: with `Infinity`, `-Infinity` and `NaN`, which JSON.parse refuses. NaN becomes null, which
 * JSON has for "no number".
 * @throws SyntaxError
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replace(STRINGS_AND_NUMBERS, (found) => LITERALS[found] ?? found);
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** A whole string, so that nothing inside it is touched, or one of the words. */
const STRINGS_AND_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/** Beyond the largest double, JSON.parse gives an infinity. */
const LITERALS: Readonly<Record<string, string>> = { Infinity: '1e999', '-Infinity': '-1e999', NaN: 'null' };
