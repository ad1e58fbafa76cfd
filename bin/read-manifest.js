#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(['read-manifest', ...process.argv.slice(2)]);
