#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(['dedupe', ...process.argv.slice(2)]);
