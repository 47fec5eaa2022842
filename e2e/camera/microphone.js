// The page's microphone: WebAudio into a MediaStream. Runs in the page: it
// travels by its own source text.

/** sound: {rate, clips (base64 PCM16), noiseDb, kind on|muted|silent|refused|missing, seed}. Returns {open(), say(digit, at)}. */
export function createMicrophone(sound, decode) {
  let context = null, output = null, words = [];
  // A room is never digitally silent: noise that falls with the frequency.
  const room = (ctx) => {
    const n = 3 * ctx.sampleRate, buffer = ctx.createBuffer(1, n, ctx.sampleRate), d = buffer.getChannelData(0);
    let state = (sound.seed * 2654435761) >>> 0 || 1, low = 0, power = 0;
    for (let i = 0; i < n; i++) {
      state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
      low = 0.9 * low + 0.1 * (state / 2147483648 - 1);
      power += (d[i] = low) ** 2 / n;
    }
    const k = 10 ** (sound.noiseDb / 20) / Math.sqrt(power);
    for (let i = 0; i < n; i++) d[i] *= k;
    return buffer;
  };
  const play = (buffer, when, loop) => {
    const node = new AudioBufferSourceNode(context, { buffer, loop });
    node.connect(output);
    node.start(when);
  };
  const begin = () => {
    context = new AudioContext();
    output = new GainNode(context);
    words = sound.clips.map((clip) => {
      const pcm = new Int16Array(decode(clip)), buffer = context.createBuffer(1, pcm.length, sound.rate);
      buffer.getChannelData(0).set(Float32Array.from(pcm, (v) => v / 32768));
      return buffer;
    });
    if (sound.kind !== 'silent') play(room(context), 0, true);
  };
  return {
    /** A stream with one track of sound; a refusal is a DOMException, as the browser's. */
    async open() {
      if (sound.kind === 'refused') throw new DOMException('test microphone', 'NotAllowedError');
      if (sound.kind === 'missing') throw new DOMException('test microphone', 'NotFoundError');
      if (!context) begin();
      if (context.state !== 'running') await context.resume();
      const to = context.createMediaStreamDestination();
      output.connect(to);
      Object.defineProperty(to.stream.getAudioTracks()[0], 'label', { value: 'Test microphone' });
      return to.stream;
    },
    /** Says a digit at a time of performance.now(). */
    say(digit, at) {
      if (context && sound.kind === 'on') play(words[digit], context.currentTime + Math.max(0, at - performance.now()) / 1000, false);
    },
  };
}
