/**
 * A double in SQL that SQLite reads exactly. Its reader of decimals is off by a last digit at times
 * (https://www.sqlite.org/floatingpoint.html), but few digits, whole numbers and powers of two it gets right.
 */

const HALF = 2 ** 52;

/** `text`: a number as `exactText` writes it, `Infinity` included. */
export function exactDouble(text: string): string {
  const value = Number(text);
  if (!Number.isFinite(value)) return value < 0 ? '-9e999' : '9e999';
  const [digits = '', exponent = '0'] = text.toLowerCase().split('e');
  const [, fraction = ''] = digits.split('.');
  const significant = digits.replace(/[-.]/g, '').replace(/^0+/, '');
  const power = Number(exponent) - fraction.length;
  // Both the digits and the power of ten are doubles, so that one rounding yields the nearest.
  if (significant.length <= 15 && Math.abs(power) <= 22) return text;
  const sign = value < 0 ? '-' : '';
  let mantissa = Math.abs(value);
  let twos = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= HALF;
    twos -= 52;
  }
  while (mantissa > Number.MAX_SAFE_INTEGER) {
    mantissa /= HALF;
    twos += 52;
    while (!Number.isInteger(mantissa)) {
      mantissa *= 2;
      twos -= 1;
    }
  }
  while (mantissa !== 0 && mantissa % 2 === 0) {
    mantissa /= 2;
    twos += 1;
  }
  let sql = `${sign}${mantissa}.0`;
  for (let left = Math.abs(twos); left > 0; left -= 52)
    sql += `${twos < 0 ? '/' : '*'}${2 ** Math.min(left, 52)}.0`;
  return `(${sql})`;
}
