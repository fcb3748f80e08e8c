/** ISO 8601 in UTC of milliseconds since 1970, e.g. `2026-03-01T08:30:00.000Z`. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Kubernetes' `Time`: whole seconds, e.g. `2026-03-01T08:30:00Z`. */
export function formatSeconds(ms: number): string {
  return `${formatTime(ms).slice(0, 19)}Z`;
}

/** Kubernetes' `MicroTime`, e.g. `2026-03-01T08:30:00.250000Z`. */
export function formatMicros(ms: number): string {
  return `${formatTime(ms).slice(0, 23)}000Z`;
}

/** Milliseconds since 1970 of a time in any of these forms; NaN where there is none. */
export function parseTime(text: string | null | undefined): number {
  return Date.parse(text ?? '');
}
