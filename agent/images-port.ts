import type { ImageSource } from './machine/compile.ts';

export interface ReadyImage {
  readonly path: string;
  readonly sha256: string;
  readonly format: 'qcow2' | 'raw';
  readonly virtualBytes: number;
  /** The paths of `ImageSource.files`, in their order, where those were asked for; `path` is the first. */
  readonly files?: readonly string[];
}

export type ImageStatus =
  | { readonly state: 'absent' }
  | { readonly state: 'fetching'; readonly bytes: number; readonly totalBytes?: number }
  | ({ readonly state: 'ready' } & ReadyImage)
  | {
      readonly state: 'failed';
      readonly code: string;
      readonly message: string;
      /** By the monotonic clock. */
      readonly atMs: number;
      readonly attempts: number;
    };

/** Something that happened to the box's images, for people. */
export interface ImageNotice {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Base images on this box, kept by content. */
export interface Images {
  observe(source: ImageSource): ImageStatus;
  /** Starts or resumes fetching, unless it is under way or done; progress and outcome show in `observe`. */
  fetch(source: ImageSource): void;
  /**
   * Fills a source that waits for it with what comes; resolves once it is checked and kept.
   * @throws EffectError
   */
  upload(source: ImageSource, content: AsyncIterable<Buffer>): Promise<void>;
  /**
   * Tells what all desired entries name. What is kept beside that, and no disk lies over, is deleted where there is
   * more than the budget or no room; before the first call nothing is.
   */
  retain(sources: readonly ImageSource[]): void;
  onNotice(listener: (notice: ImageNotice) => void): void;
  /** Calls `listener` when a fetch got further (every few per cent) or ended. */
  onChange(listener: (source: ImageSource) => void): void;
  /** Stops fetches under way; what they have is kept to be resumed. */
  close(): Promise<void>;
}
