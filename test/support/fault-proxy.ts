/** A server in front of a database that lets each message of the client meet its fate: the only exact way to fail. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * `before`: the way is cut before the server has the message; `after`: when the server has done what it says, before the
 * client hears of it (a COMMIT of which nobody knows); `fail`: the server gets one that fails in its place.
 */
export type Fate = 'pass' | 'before' | 'after' | 'fail';

export interface FaultProxy {
  readonly url: string;
  /** What the clients said, without what belongs to connecting. */
  readonly messages: Buffer[];
  /** Whether there is a message like this one that fails. */
  canFail(message: Buffer): boolean;
  close(): void;
}

interface Protocol {
  /** The length of the message that these bytes begin with, if that is known yet. */
  length(bytes: Buffer, connecting: boolean): number | undefined;
  /** Whether the message still belongs to connecting. */
  connects(message: Buffer, connecting: boolean): boolean;
  /** Whether the server answers it. */
  isAnswered(message: Buffer): boolean;
  /** Whether these bytes, the last of the server, end an answer. */
  endsAnswer(bytes: Buffer): boolean;
  /** A message in the place of this one that fails; undefined if there is none. */
  failing(message: Buffer): Buffer | undefined;
}

const code = (letter: string) => letter.charCodeAt(0);

function framed(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = code(letter);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const postgres: Protocol = {
  length(bytes, connecting) {
    const at = connecting ? 0 : 1;
    return bytes.length < at + 4 ? undefined : bytes.readInt32BE(at) + at;
  },
  // Asking for encryption is a message of 8 bytes, and is refused; then comes the startup message.
  connects: (message, connecting) => connecting && message.length === 8,
  isAnswered: (message) => message[0] === code('Q') || message[0] === code('c'),
  endsAnswer: (bytes) => bytes.at(-6) === code('Z') || bytes[0] === code('G'),
  failing(message) {
    if (message[0] === code('Q')) return framed('Q', Buffer.from('SELECT 1 / 0\0'));
    if (message[0] === code('d')) return framed('d', Buffer.from('of no column\n'));
    return message[0] === code('c') ? framed('f', Buffer.from('as told\0')) : undefined;
  },
};

// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
const mysql: Protocol = {
  length: (bytes) => (bytes.length < 4 ? undefined : bytes.readUIntLE(0, 3) + 4),
  connects: () => false,
  isAnswered: (message) => message[3] === 0 || message.length === 4,
  endsAnswer: () => true,
  failing(message) {
    if (message[3] !== 0 || message[4] !== 3) return undefined;
    const body = Buffer.from(`\u0003SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'as told'`);
    return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
  },
};

/** `cut`: hears of it before the way is cut, such as to kill the client. `fate` gets the number of the message, from 1. */
export async function startFaultProxy(
  target: string,
  fate: (n: number, message: Buffer) => Fate,
  cut: () => void = () => {},
): Promise<FaultProxy> {
  const { hostname, port, protocol } = new URL(target);
  const of = protocol.startsWith('postgres') ? postgres : mysql;
  const messages: Buffer[] = [];
  const open = new Set<Socket>();

  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    const drop = () => {
      client.destroy();
      database.destroy();
    };
    for (const socket of [client, database]) {
      socket.setNoDelay(true);
      open.add(socket);
      socket.on('error', drop).on('close', () => {
        open.delete(socket);
        drop();
      });
    }
    let connecting = true;
    let doomed = false;
    let bytes = Buffer.alloc(0);
    const end = () => {
      cut();
      drop();
    };
    client.on('data', (data) => {
      if (doomed) return;
      bytes = Buffer.concat([bytes, data]);
      for (;;) {
        const length = of.length(bytes, connecting);
        if (length === undefined || bytes.length < length) return;
        const message = bytes.subarray(0, length);
        bytes = bytes.subarray(length);
        if (connecting) {
          connecting = of.connects(message, connecting);
          database.write(message);
          continue;
        }
        messages.push(message);
        const what = fate(messages.length, message);
        if (what === 'before') {
          doomed = true;
          return end();
        }
        database.write((what === 'fail' ? of.failing(message) : undefined) ?? message, () => {
          if (doomed && !of.isAnswered(message)) setImmediate(end);
        });
        doomed = what === 'after';
        if (doomed) return;
      }
    });
    database.on('data', (data) => {
      if (!doomed) client.write(data);
      else if (of.endsAnswer(data)) end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    messages,
    canFail: (message) => of.failing(message) !== undefined,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
