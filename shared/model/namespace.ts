import { z } from 'zod';
import { VERBS, ageColumn, defineKind } from './kind.ts';
import { fields } from './schema.ts';

export const namespaceKind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  statusSubresource: true,
  verbs: {
    only: VERBS.filter((verb) => verb !== 'deletecollection'),
    why: 'namespaces are deleted one by one',
  },
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Active or Terminating' },
    ageColumn(),
  ],
  shape: {
    spec: fields({ finalizers: z.array(z.string()).optional() }).optional(),
    status: fields({ phase: z.enum(['Active', 'Terminating']).optional() }).optional(),
  },
});
