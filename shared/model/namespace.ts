import { z } from 'zod';
import { ageColumn, defineKind } from './kind.ts';
import { fields } from './schema.ts';

export const namespaceKind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  statusSubresource: true,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'Active or Terminating' },
    ageColumn(),
  ],
  shape: {
    spec: fields({ finalizers: z.array(z.string()).optional() }).optional(),
    status: fields({ phase: z.enum(['Active', 'Terminating']).optional() }).optional(),
  },
});
