#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(['ls-groups', ...process.argv.slice(2)]);
