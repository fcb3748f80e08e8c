import type { DesiredMachine } from '../../shared/model/machine.ts';

/** Where a base image comes from. */
export interface ImageSource {
  readonly url: string;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256?: string;
}

/** One text per source, for maps. */
export function sourceKey({ url, sha256 }: ImageSource): string {
  return sha256 === undefined ? url : `sha256:${sha256}`;
}

/** A disk as a file in the machine's folder. */
export interface CompiledDisk {
  /** The volume's name; the file is `disk-<name>.qcow2`. */
  readonly name: string;
  readonly content:
    /** An overlay over an image, made once, at least `minBytes` large. */
    | { readonly from: 'image'; readonly source: ImageSource; readonly minBytes: number }
    /** A blank disk, made once. */
    | { readonly from: 'blank'; readonly bytes: number }
    /** A blank disk, made anew at each start (`emptyDisk`). */
    | { readonly from: 'empty'; readonly bytes: number };
}

/** A machine in QEMU's terms, without anything that only the box knows (ports, paths, the accelerator). */
export interface CompiledMachine {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly memoryBytes: number;
  readonly disks: readonly CompiledDisk[];
  /** Canonical text of all that shapes the process: two that are equal need no restart. */
  readonly fingerprint: string;
}

export function compileMachine(_desired: DesiredMachine): CompiledMachine {
  throw new Error('bug: not written yet');
}
