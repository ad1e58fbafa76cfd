#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(['decode', ...process.argv.slice(2)]);
