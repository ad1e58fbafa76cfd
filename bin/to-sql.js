#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(['to-sql', ...process.argv.slice(2)]);
