/** Messages of PostgreSQL's protocol, version 3: https://www.postgresql.org/docs/current/protocol-message-formats.html */

import type { Socket } from 'node:net';

export interface PgMessage {
  /** Empty for those that come before the session. */
  readonly type: string;
  readonly body: Buffer;
  /** The whole of it. */
  readonly bytes: Buffer;
}

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;

/** Hands on what comes, message by message. `fromClient`: the first ones have no type. */
export function messages(socket: Socket, fromClient: boolean, take: (message: PgMessage) => void): void {
  let held: Buffer = Buffer.alloc(0);
  let started = !fromClient;
  socket.on('data', (piece: Buffer) => {
    held = Buffer.concat([held, piece]);
    for (;;) {
      const at = started ? 1 : 0;
      if (held.length < at + 4) return;
      const end = at + held.readInt32BE(at);
      if (held.length < end) return;
      const message = {
        type: started ? String.fromCharCode(held[0]!) : '',
        body: held.subarray(at + 4, end),
        bytes: held.subarray(0, end),
      };
      held = held.subarray(end);
      if (!started) started = startup(message.body) !== 'encryption';
      take(message);
    }
  });
}

/** What a message before the session asks for: encryption, or a session with these parameters. */
export function startup(body: Buffer): 'encryption' | string[] {
  const code = body.readInt32BE(0);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return 'encryption';
  return body.toString('utf8', 4).split('\0');
}

export const cString = (text: string): Buffer => Buffer.from(`${text}\0`);

export function frame(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export function errorMessage(code: string, text: string): Buffer {
  return frame('E', Buffer.from(`SERROR\0VERROR\0C${code}\0M${text}\0\0`));
}

/** The rows of an answer, as texts. Throws the server's error. */
export function rowsOf(answer: readonly PgMessage[]): (string | null)[][] {
  const failed = answer.find(({ type }) => type === 'E');
  if (failed !== undefined) throw new Error(failed.body.toString('utf8').replaceAll('\0', ' '));
  return answer.flatMap(({ type, body }) => {
    if (type !== 'D') return [];
    let at = 2;
    return [
      Array.from({ length: body.readInt16BE(0) }, () => {
        const length = body.readInt32BE(at);
        at += 4 + Math.max(length, 0);
        return length < 0 ? null : body.toString('utf8', at - length, at);
      }),
    ];
  });
}
