import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inexactType, isExactNumber } from '../src/wire/exact.ts';

/** A literal's value as a fraction of whole numbers. */
function fraction(literal: string): { over: bigint; under: bigint } {
  const [, sign = '', whole = '', places = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const exponent = Number(power) - places.length;
  const digits = BigInt(sign + whole + places);
  return exponent >= 0
    ? { over: digits * 10n ** BigInt(exponent), under: 1n }
    : { over: digits, under: 10n ** BigInt(-exponent) };
}

function isSameValue(a: string, b: string): boolean {
  const [left, right] = [fraction(a), fraction(b)];
  return left.over * right.under === right.over * left.under;
}

export const literal = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.oneof(
      fc.constant('0'),
      fc.stringMatching(/^[1-9][0-9]{0,20}$/),
      fc.stringMatching(/^[1-9]0{0,24}$/),
    ),
    places: fc.oneof(
      fc.constant(''),
      fc.stringMatching(/^\.[0-9]{1,20}$/),
      fc.stringMatching(/^\.0{0,9}[0-9]{1,3}0{0,9}$/),
    ),
    exponent: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)),
  })
  .map(({ sign, whole, places, exponent }) => sign + whole + places + exponent);

test('a literal is exact when printing its double gives the same value', () => {
  fc.assert(
    fc.property(
      fc.oneof(literal, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
      (given) => {
        const double = Number(given);
        assert.equal(isExactNumber(given), Number.isFinite(double) && isSameValue(given, String(double)));
      },
    ),
    { numRuns: 3000 },
  );
});

test('what numbers keep their value is known for the usual ones', () => {
  for (const exact of [
    '0',
    '-0',
    '1.10',
    '1e2',
    '0.1',
    '9007199254740992',
    '1e22',
    '123456789012345678e3'.slice(0, 15),
    '0e999',
    '5e-324',
  ]) {
    assert.equal(isExactNumber(exact), true, exact);
  }
  for (const inexact of [
    '9007199254740993',
    '1565276078922000095',
    '1e400',
    '1e-400',
    '0.1000000000000000055',
    '9223372036854775808',
  ]) {
    assert.equal(isExactNumber(inexact), false, inexact);
  }
});

test('an inexact whole number of 64 bits is a bigint, any other number a decimal', () => {
  assert.equal(inexactType('9223372036854775807'), 'bigint');
  assert.equal(inexactType('-9223372036854775808'), 'bigint');
  for (const other of [
    '9223372036854775808',
    '-9223372036854775809',
    '1.00000000000000000001',
    '1e400',
    '12345678901234567890123',
  ]) {
    assert.equal(inexactType(other), 'decimal');
  }
});
