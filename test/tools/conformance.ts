import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Manifests written for KubeVirt, in a folder beside the checkout where there is one. */
export const CONFORMANCE_FOLDER = join(import.meta.dirname, '../../../shared/conformance');
const PAGE = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8');

/** A row of the table in docs/conformance.md. */
export interface ConformanceRow {
  readonly file: string;
  readonly kind: string;
  readonly outcome: string;
  readonly why: string;
}

export const CONFORMANCE_ROWS: readonly ConformanceRow[] = PAGE.split('\n')
  .filter((line) => /^\| [\w-]+\.yaml \|/.test(line))
  .map((line) => {
    const cells = line.split(/(?<!\\)\|/).slice(1, -1);
    const [file = '', kind = '', outcome = '', why = ''] = cells.map((cell) => cell.trim());
    return { file, kind, outcome, why };
  });

/** The manifests' paths in the folder, sorted; none where it is not there. */
export function findConformanceFiles(): string[] {
  if (!existsSync(CONFORMANCE_FOLDER)) return [];
  return readdirSync(CONFORMANCE_FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.ya?ml$/.test(path))
    .sort();
}

/** For the name of a suite: that its manifests are not there. */
export function describeAbsence(files: readonly string[]): string {
  return files.length > 0 ? '' : ' (left out: there is no ../shared/conformance beside the checkout)';
}
