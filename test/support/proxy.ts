import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request; undefined: nothing. `short`: a whole answer of too few bytes. */
export type Fault =
  | { readonly kind: 'cut' | 'stall' | 'short'; readonly afterBytes: number }
  | { readonly kind: 'status'; readonly status: number; readonly code: string }
  | undefined;

export interface Proxy {
  readonly endpoint: string;
  /** Method, path and headers of every request, in order. */
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
  }[];
}

/** A server in front of another one, on loopback, gone with the process, that makes requests fail as told. */
export async function startProxy(
  target: string,
  faultOf: (url: string, count: number) => Fault = () => undefined,
): Promise<Proxy> {
  const requests: Proxy['requests'] = [];
  const server = createServer((incoming, outgoing) => {
    requests.push({ method: incoming.method!, url: incoming.url!, headers: incoming.headers });
    const fault = faultOf(incoming.url!, requests.length);
    if (fault?.kind === 'status') {
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' });
      return outgoing.end(`<Error><Code>${fault.code}</Code><Message>as told</Message></Error>`);
    }
    const passed = request(
      target + incoming.url,
      { method: incoming.method!, headers: incoming.headers },
      (answer) => {
        const short = fault?.kind === 'short' && Number(answer.headers['content-length']) > fault.afterBytes;
        const headers = short ? { 'content-length': `${fault.afterBytes}` } : {};
        outgoing.writeHead(answer.statusCode!, { ...answer.headers, ...headers });
        void pass(answer, outgoing, fault);
      },
    );
    incoming.pipe(passed);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  server.on('connection', (socket) => socket.unref());
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

async function pass(answer: IncomingMessage, outgoing: ServerResponse, fault: Fault): Promise<void> {
  let left = fault === undefined || fault.kind === 'status' ? Number.POSITIVE_INFINITY : fault.afterBytes;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (piece.length < left) {
      left -= piece.length;
      outgoing.write(piece);
      continue;
    }
    outgoing.write(piece.subarray(0, left), () => {
      if (fault?.kind === 'cut') outgoing.destroy();
      if (fault?.kind === 'short') outgoing.end();
    });
    return;
  }
  outgoing.end();
}
