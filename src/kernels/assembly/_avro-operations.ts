// The operations that a schema compiles to (src/formats/avro-program.ts), one a value:
//
//    0  u8   code
//    1  u8   the union byte that says null: 0, 2, or NOT_NULLABLE
//    8  u32  the text before the value, such as `,"name":`, and its length
//   16  u32  up to four arguments
//
// Those of a record's members, and of a union's branches, lie one behind the other.

export const SIZE: u32 = 32;
export const NOT_NULLABLE: u32 = 255;

// Codes and their arguments; src/formats/avro-program.ts has the same table.
export const NULL: u32 = 0;
export const STRING: u32 = 1;
export const LONG: u32 = 2;
export const INT: u32 = 3;
export const BOOLEAN: u32 = 4;
export const DOUBLE: u32 = 5;
export const FLOAT: u32 = 6;
export const BYTES: u32 = 7;
export const FIXED: u32 = 8; // size
export const ENUM: u32 = 9; // table of (text, length), count
export const RECORD: u32 = 10; // operations, count
export const ARRAY: u32 = 11; // operation, least bytes of an item
export const MAP: u32 = 12; // operation
export const UNION: u32 = 13; // operations, count
export const LONG_NUMBER: u32 = 14;
export const DATE: u32 = 15;
export const TIME: u32 = 16; // digits
export const TIMESTAMP: u32 = 17; // digits, 1 if an instant
export const DECIMAL: u32 = 18; // scale, precision, size of a fixed or 0xffffffff
export const UUID: u32 = 19;
export const DURATION: u32 = 20;
