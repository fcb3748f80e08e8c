/** No budget that matters, no registry that is known. */
export const PLAIN_LIMITS = {
  budgetBytes: 2 ** 40,
  largestBytes: 2 ** 41,
  runAs: [],
  registries: { mirrors: [], certificates: [], readLogins: () => undefined, architecture: 'amd64' },
};
