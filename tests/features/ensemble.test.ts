// Snapshots on every backend.
import { ensembleChecks } from './ensemble.js';
import { onEveryBackend } from './on-every-backend.js';

onEveryBackend(ensembleChecks);
