/** Version of the SDK; the server records it with the capture. */
export const VERSION = '0.1.0';
