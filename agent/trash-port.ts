/** A removed machine, as its folder was. */
export interface TrashEntry {
  /** The name of its folder in the trash. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** By the box's clock of then. */
  readonly removedAt: string;
  /** How long it has been kept, as far as the agent ran meanwhile. */
  readonly heldMs: number;
  /** What it takes of the disk. */
  readonly bytes: number;
  readonly disks: readonly { readonly dataVolume: string; readonly bytes: number }[];
}

/** Where removed machines are kept for a while. */
export interface Trash {
  readonly folder: string;
  /** Oldest first. */
  list(): Promise<TrashEntry[]>;
  /** Adds to how long each entry has been kept, and lists them. */
  age(elapsedMs: number): Promise<TrashEntry[]>;
  /** What is left of the file system that it is on. */
  availableBytes(): Promise<number>;
  /**
   * Deletes an entry for good.
   * @throws EffectError NotFound
   */
  delete(id: string): Promise<void>;
  /**
   * Gives the disks of an entry to the machine `uid`, and says which; none of that machine's own is overwritten.
   * @throws EffectError NotFound, DiskInTheWay
   */
  restore(id: string, uid: string): Promise<string[]>;
}
