import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { JudgeOptions } from './judge-image.ts';
import type { Refusal } from './format.ts';
import type { ReceiveOptions } from './receive.ts';
import type { Mirror } from '../../shared/config/mirrors.ts';

/** What fetching a source came to, whatever kind of source it is. */
export type Fetched =
  /** What is known of it is still the newest. */
  | 'unchanged'
  | {
      readonly version: Version;
      /** Of one disk, or of the files that were asked for: checked, and written but not yet synced. */
      readonly files: readonly { readonly path: string; readonly sha256: string }[];
      /** To be deleted when the files are where they belong. */
      readonly folders: readonly string[];
    }
  | { readonly version: Version; readonly refused: Refusal; readonly folders: readonly string[] };

/** By what a source's versions are told apart. */
export interface Version {
  readonly url: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

export interface FetchOptions extends ReceiveOptions, JudgeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The folder of downloads under way. */
  readonly folder: string;
  /** Where machines have their disks. */
  readonly machinesFolder: string;
  readonly reserveBytes: number;
  readonly registries: RegistrySettings;
}

/** What the box says of registries. */
export interface RegistrySettings {
  readonly mirrors: readonly Mirror[];
  /** PEM. */
  readonly certificates: readonly string[];
  /** A Docker `config.json`, read anew each time: passwords are changed. */
  readonly readLogins: () => string | undefined;
  /** As Go calls it. */
  readonly architecture: string;
}
