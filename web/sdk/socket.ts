// The WebSocket of one capture.

import { parse, SUBPROTOCOL, type ClientMessage, type ServerMessage } from '../core/protocol';

/** What the socket reports. */
export interface SocketEvents {
  open(): void;
  message(m: ServerMessage): void;
  closed(code: number): void;
  /** the server said what this client cannot understand */
  broken(why: string): void;
}

export class CaptureSocket {
  private readonly ws: WebSocket;
  private done = false;

  /** server: "https://host[:port][/path]". */
  constructor(server: string, events: SocketEvents) {
    this.ws = new WebSocket(`${server.replace(/^http/, 'ws')}/v1/capture`, SUBPROTOCOL);
    this.ws.binaryType = 'arraybuffer';
    this.ws.onopen = () => events.open();
    this.ws.onmessage = (e: MessageEvent<unknown>) => {
      if (this.done || typeof e.data !== 'string') return;
      try {
        const m = parse(e.data);
        if (m) events.message(m);
      } catch (err) {
        events.broken(err instanceof Error ? err.message : 'protocol error');
      }
    };
    this.ws.onclose = (e) => {
      if (!this.done) events.closed(e.code);
    };
  }

  send(m: ClientMessage): void {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(m));
  }

  sendFrame(frame: ArrayBuffer): void {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(frame);
  }

  /** Bytes that wait to be sent. */
  buffered(): number { return this.ws.bufferedAmount; }

  /** Closes without any further event; what was sent before still goes out. */
  close(): void {
    this.done = true;
    this.ws.close(1000);
  }
}
