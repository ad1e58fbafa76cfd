// Whether a text has the plain form of a value of its column: the form that nearly all values have and that needs no
// second look. Any other text is for the host to judge, whose patterns are the definition (src/dialects/copy-text.ts).
import { isHyphenedUuid } from './_hex';

export const TEXT: u32 = 0;
export const UNKNOWN: u32 = 1;
const BOOLEAN: u32 = 2;
const WHOLE: u32 = 3;
const FIXED: u32 = 4; // a decimal with limits
export const DECIMAL: u32 = 5;
export const DOUBLE: u32 = 6;
const DATE: u32 = 7;
const TIME: u32 = 8;
const TIMESTAMP: u32 = 9;
const TIMESTAMPTZ: u32 = 10;
const UUID: u32 = 11;
export const BYTES: u32 = 12;
export const JSON: u32 = 13;

@inline function isDigit(i: u32): bool { return <u32>load<u8>(i) - 48 < 10; }

function digitsEnd(i: u32, stop: u32): u32 {
  while (i < stop && isDigit(i)) i++;
  return i;
}

/** `scale`: of a decimal with limits. */
export function isPlain(code: u32, scale: u32, i: u32, stop: u32): bool {
  if (i == stop) return false;
  switch (code) {
    case BOOLEAN: return isBoolean(i, stop - i);
    case WHOLE:
    case FIXED:
    case DECIMAL:
    case DOUBLE: {
      if (load<u8>(i) == 45) i++;
      const point = digitsEnd(i, stop);
      if (point == i) return false;
      if (point == stop) return true;
      if (code == WHOLE || load<u8>(point) != 46) return false;
      const end = digitsEnd(point + 1, stop);
      return end == stop && end > point + 1 && (code != FIXED || end - point - 1 <= scale);
    }
    case DATE: return stop - i >= 10 && isDay(i) && (stop - i == 10 || isMidnight(i + 10, stop));
    case TIME: return clockEnd(i, stop) == stop;
    case TIMESTAMP:
    case TIMESTAMPTZ: {
      if (stop - i < 10 || !isDay(i)) return false;
      if (stop - i == 10) return true;
      const between = load<u8>(i + 10);
      if (between != 32 && between != 84) return false;
      const end = clockEnd(i + 11, stop);
      if (end == 0) return false;
      return end == stop || (code == TIMESTAMPTZ && end + 1 == stop && load<u8>(end) == 90);
    }
    case UUID: return stop - i == 36 && isHyphenedUuid(i);
    default: return false;
  }
}

// 0 1 t f y n true false yes no, in any case: all there are.
@inline function isBoolean(i: u32, length: u32): bool {
  const word = load<u32>(i) | 0x20202020, first = word & 0xff;
  switch (length) {
    case 1: return (load<u8>(i) & 0xfe) == 48 || first == 116 || first == 102 || first == 121 || first == 110;
    case 2: return (word & 0xffff) == 0x6f6e;
    case 3: return (word & 0xffffff) == 0x736579;
    case 4: return word == 0x65757274;
    case 5: return word == 0x736c6166 && (load<u8>(i + 4) | 32) == 101;
    default: return false;
  }
}

@inline function two(i: u32): bool { return isDigit(i) && isDigit(i + 1); }

// YYYY-MM-DD
@inline function isDay(i: u32): bool {
  return two(i) && two(i + 2) && load<u8>(i + 4) == 45 && two(i + 5) && load<u8>(i + 7) == 45 && two(i + 8);
}

// HH:MM:SS, HH:MM:SS.f with up to six digits: where it ends, 0 if it is none.
function clockEnd(i: u32, stop: u32): u32 {
  if (stop - i < 8 || !two(i) || load<u8>(i + 2) != 58 || !two(i + 3) || load<u8>(i + 5) != 58 || !two(i + 6)) return 0;
  // A leap second is no plain form.
  if (load<u8>(i + 6) > 53) return 0;
  i += 8;
  if (i == stop || load<u8>(i) != 46) return i;
  const end = digitsEnd(i + 1, stop);
  return end == i + 1 || end > i + 7 ? 0 : end;
}

// A time of day after a date that may be dropped.
function isMidnight(i: u32, stop: u32): bool {
  const between = load<u8>(i);
  if ((between != 32 && between != 84) || stop - i < 9) return false;
  if (load<u64>(i + 1) != 0x30303a30303a3030) return false;
  i += 9;
  if (i == stop) return true;
  if (load<u8>(i++) != 46) return false;
  while (i < stop && load<u8>(i) == 48) i++;
  return i == stop;
}
