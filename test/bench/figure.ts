/** A measured value and what it is of. */
export interface Row {
  readonly figure: string;
  readonly value: string;
  /** How often it was measured, how far it spread, and what has to be known to read it. */
  readonly note: string;
}

/** Where a figure puts what it measures, and what it says meanwhile. */
export interface Report {
  readonly row: (figure: string, value: string, note: string) => void;
  readonly progress: (line: string) => void;
}

/** Something that is measured in a world of its own, which it also takes down. */
export interface Figure {
  /** By which it is chosen on the command line. */
  readonly name: string;
  readonly prose: string;
  measure(report: Report): Promise<void>;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('a median needs at least one value');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

export function formatMs(durationMs: number): string {
  return `${Math.round(durationMs)} ms`;
}

export function formatMebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Lowest and highest, each as `format` writes it. */
export function formatRange(values: readonly number[], format: (value: number) => string): string {
  return `${format(Math.min(...values))} to ${format(Math.max(...values))}`;
}
