// The little of Node that the tests use: it saves a dependency on its types.

declare const WEB_DIR: string;

declare module 'node:test' {
  interface Context { skip(why?: string): void; diagnostic(text: string): void }
  export function test(name: string, f: (t: Context) => void | Promise<void>): void;
}

declare module 'node:assert/strict' {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    deepEqual<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    match(text: string, form: RegExp, message?: string): void;
    doesNotMatch(text: string, form: RegExp, message?: string): void;
    throws(f: () => unknown, expected?: unknown, message?: string): void;
  }
  const assert: Assert;
  export default assert;
}

declare module 'node:fs' {
  export function readFileSync(path: string): Uint8Array;
  export function readFileSync(path: string, encoding: 'utf8'): string;
  export function existsSync(path: string): boolean;
  export function readdirSync(path: string): string[];
  export function mkdtempSync(prefix: string): string;
  export function rmSync(path: string, o: { recursive: boolean }): void;
}

declare module 'node:zlib' {
  export function gzipSync(data: Uint8Array | string, o?: { level: number }): Uint8Array;
}

declare module 'node:os' {
  export function tmpdir(): string;
}

declare module 'node:path' {
  export function join(...parts: string[]): string;
}

declare module 'node:child_process' {
  export function execFileSync(file: string, args: string[]): Uint8Array;
}

declare const process: { execPath: string };
