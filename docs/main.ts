import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS } from '../shared/model/kinds.ts';
import { compileFields } from './compile-fields.ts';

/** `npm run docs`: writes the pages that are made from the source. */
writeFileSync(join(import.meta.dirname, 'fields.md'), compileFields(KINDS));
