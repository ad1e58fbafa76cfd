/**
 * Which JSON numbers may stand on the wire as numbers: those that any parser reads exactly.
 *
 * The measure is a double: a literal is exact when the number that parsing to a double and printing back gives has
 * the same value (`1.10` and `1e2` have, `-0` has, `1565276078922000095` and `1e400` have not). Kernels decide the
 * plain cases in the same way and ask here about the others.
 */

/** Whether a JSON number literal keeps its value when a double has held it. */
export function isExactNumber(literal: string): boolean {
  if (literal.length <= 15 && !/[eE]/.test(literal)) return true;
  const double = Number(literal);
  if (!Number.isFinite(double)) return false;
  const [before, after] = [significant(literal), significant(String(double))];
  return before.digits === after.digits && before.exponent === after.exponent;
}

/** What an inexact literal is: `bigint` if it is written as a whole number of 64 bits, `decimal` otherwise. */
export function inexactType(literal: string): 'bigint' | 'decimal' {
  if (!/^-?\d{1,19}$/.test(literal)) return 'decimal';
  return BigInt.asIntN(64, BigInt(literal)) === BigInt(literal) ? 'bigint' : 'decimal';
}

// A number as digits without zeros at either end, times ten to the exponent; its sign apart, which no parser alters.
function significant(literal: string): { digits: string; exponent: number } {
  const match = /^-?(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  if (match === null) throw new TypeError(`not a JSON number: ${literal}`);
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return { digits: '', exponent: 0 };
  return { digits: trimmed, exponent: Number(exponent) - fraction.length + digits.length - trimmed.length };
}
