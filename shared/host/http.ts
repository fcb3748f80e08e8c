import type * as Http from 'node:http';
import { createRequire } from 'node:module';

/**
 * `node:http`. An import of that module evaluates all that it exports, and so loads Node's whole `fetch`: a tenth of an
 * agent's start, for what nothing in an agent uses.
 */
export const http = createRequire(import.meta.url)('node:http') as typeof Http;
