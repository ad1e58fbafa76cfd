/** CSV files of about 100 MB whose rows are unlike those of the other jobs, and many small ones. */

import { createReadStream, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { csvField, FORM_COLUMNS, formRow, forms, lines, once, random } from './inputs.ts';

/** Rows of about 30 bytes. */
export const shortRows = (rows: number) =>
  once(`short-${rows}.csv`, (path) => {
    const next = random(5);
    const line = (index: number) =>
      `${index},${Math.floor(next() * 2 ** 40).toString(36)},${next() < 0.5},2026-01-02\n`;
    lines(path, rows, line, 'id,code,active,day\n');
  });

/** Rows of about 100 KB: one text with line feeds and a few quotes. */
export const longRows = (rows: number) =>
  once(`long-${rows}.csv`, (path) => {
    const next = random(6);
    const sentence = () =>
      `The ${Math.floor(next() * 1e9).toString(36)} of ${Math.floor(next() * 1e6)} said "yes", as it does.\n`;
    const text = () => Array.from({ length: 2200 }, sentence).join('');
    lines(path, rows, (index) => `${index},${csvField(text())},2026-01-02 03:04:05\n`, 'id,body,at\n');
  });

/** Every field in quotes, with quotes, delimiters and line feeds inside. */
export const quotedRows = (rows: number) =>
  once(`quoted-${rows}.csv`, (path) => {
    const next = random(7);
    const texts = ['say "hello", "world"', '""', 'a,b,c', '6" × 4" "frame"', 'one\n"two"\nthree', '"'];
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const row = (index: number) => [
      String(index),
      ...Array.from({ length: 9 }, () => texts[Math.floor(next() * 6)]!),
    ];
    lines(path, rows, (index) => `${row(index).map(quoted).join(',')}\n`, 'id,a,b,c,d,e,f,g,h,i\n');
  });

/** Hardly a character of one byte. */
export const unicodeRows = (rows: number) =>
  once(`unicode-${rows}.csv`, (path) => {
    const next = random(8);
    const texts = [
      '東京都渋谷区道玄坂二丁目',
      'Жизнь прекрасна и удивительна',
      '🦊🌍🚀✨🎉',
      'αβγδεζηθικλμνξοπ',
      'größer als Überfluß',
      'ข้อมูลลูกค้าใหม่',
    ];
    const row = (index: number) => [
      String(index),
      ...Array.from({ length: 9 }, () => texts[Math.floor(next() * 6)]!),
    ];
    lines(path, rows, (index) => `${row(index).join(',')}\n`, '番号,ä,б,γ,ด,e,f,g,h,i\n');
  });

/** 1,000 columns. */
export const wideRows = (rows: number) =>
  once(`wide-${rows}.csv`, (path) => {
    const next = random(9);
    const columns = Array.from({ length: 1000 }, (_, n) => `column_${n}`);
    lines(
      path,
      rows,
      () => `${columns.map(() => Math.floor(next() * 1e7)).join(',')}\n`,
      `${columns.join(',')}\n`,
    );
  });

/** The CSV of the other jobs, compressed. */
export const gzipped = (rows: number) =>
  once(`forms-${rows}.csv.gz`, async (path) => {
    await pipeline(createReadStream(await forms(rows)), createGzip(), createWriteStream(path));
  });

/** Where `smallFiles` are, below their folder. */
export const EXPORTS_FOLDER = '2026-01-27/FORMS';

/** Files of 20 rows each, as one run of exports brings them. */
export const smallFiles = (count: number) =>
  once(`small-${count}`, (path) => {
    const row = formRow(random(10));
    const folder = join(path, EXPORTS_FOLDER);
    mkdirSync(folder, { recursive: true });
    for (let file = 0; file < count; file++) {
      const rows = Array.from({ length: 20 }, (_, index) => `${row(index).map(csvField).join(',')}\n`);
      const name = `part-${String(file).padStart(5, '0')}.csv`;
      writeFileSync(join(folder, name), `${FORM_COLUMNS.join(',')}\n${rows.join('')}`);
    }
  });
