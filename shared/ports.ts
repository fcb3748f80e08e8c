/** What both sides need of the world. The real ones are in `host/`; simulations bring their own. */

export interface Clock {
  /** Wall-clock time in milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds since the host booted; never goes back. */
  monotonic(): number;
  /** Calls `run` once after `delayMs`; the result cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Resolves once all else that is due has had its turn. */
  turn(): Promise<void>;
}

export interface Random {
  /** A fraction in [0, 1). */
  fraction(): number;
  /** A random (version 4) UUID. */
  uuid(): string;
}

/** Structured log lines: fields first, then a sentence (pino's shape). */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
