// SWAG on every backend.
import { onEveryBackend } from './on-every-backend.js';
import { swagTests } from './swag.js';

onEveryBackend(swagTests);
