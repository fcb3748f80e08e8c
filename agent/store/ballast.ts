import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Enough for the store, its log and the records of a box's machines until somebody makes room. */
const BALLAST_BYTES = 8 * 1024 * 1024;
/** It is not taken from a disk that would be nearly full with it. */
const ROOM_BYTES = 4 * BALLAST_BYTES;

/**
 * A file that holds room on the disk for the agent's own state. A guest that fills the disk must not keep the agent
 * from starting the other machines: then the file is given up, and taken again when there is room.
 */
export interface Ballast {
  isHeld(): boolean;
  /** Takes the room, if there is any and it is not held. */
  hold(): void;
  /** Gives it up; false where there was none to give. */
  release(): boolean;
}

export function createBallast(path: string): Ballast {
  return {
    isHeld: () => existsSync(path),
    hold() {
      if (existsSync(path)) return;
      const { bavail, bsize } = statfsSync(dirname(path));
      if (bavail * bsize < ROOM_BYTES) return;
      try {
        writeFileSync(path, Buffer.alloc(BALLAST_BYTES, 'ballast '), { mode: 0o600 });
      } catch {
        // There is no room to hold, and what was written of it is worth more free.
        rmSync(path, { force: true });
      }
    },
    release() {
      if (!existsSync(path)) return false;
      rmSync(path);
      return true;
    },
  };
}
