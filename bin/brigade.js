#!/usr/bin/env node
import { main } from '../dist/shell/main.js';

await main(process.argv.slice(2));
