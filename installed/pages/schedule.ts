// One schedule and no more: its size is what matters.
import { cosineAnnealingLr } from '@polyak/schedules';

Object.assign(globalThis, { polyak: cosineAnnealingLr });
