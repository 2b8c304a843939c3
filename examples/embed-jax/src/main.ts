// Trains a small network of jax-js, averages it, and resumes it bit for bit.
import { printReport } from '@polyak/example-shared/embedded-report';
import { makeNetwork } from './network.js';

await printReport(makeNetwork);
