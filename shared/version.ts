/** Holdfast's version, the same for hub and agent of one release; that of package.json. */
export const VERSION = '0.1.0';
