#!/usr/bin/env node
// The command polyak.
import { Command } from 'commander';

const program = new Command('polyak');
program.parse();
