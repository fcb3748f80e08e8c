/** The value that the fraction `of` of all values do not exceed; NaN where there are none. */
export function quantile(values: ArrayLike<number>, of: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * of) - 1)] ?? NaN;
}

/** The largest; an array of a fleet's values is too long to be spread into `Math.max`. */
export function largest(values: ArrayLike<number>): number {
  return quantile(values, 1);
}
