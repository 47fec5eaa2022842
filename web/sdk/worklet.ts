// dist/faceproof-sound.js: runs in the browser's audio thread and passes on what
// the microphone hears. A file of its own: an address made by the page (blob:)
// would have to stand in the script-src of every page.

declare const registerProcessor: (name: string, processor: unknown) => void;
declare const AudioWorkletProcessor: { new (): { readonly port: MessagePort } };

/** Samples in a message to the page: about 20 ms. */
const PART = 1024;

class Sound extends AudioWorkletProcessor {
  private part = new Float32Array(PART);
  private filled = 0;

  /** Called for every 128 samples; without a source they are silence, which the server sees. */
  process(inputs: Float32Array[][]): boolean {
    const channel = inputs[0]?.[0];
    for (let i = 0; i < (channel?.length ?? 128); i++) {
      this.part[this.filled++] = channel?.[i] ?? 0;
      if (this.filled < PART) continue;
      this.port.postMessage(this.part, [this.part.buffer]);
      this.part = new Float32Array(PART);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('faceproof-sound', Sound);
