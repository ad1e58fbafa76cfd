#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['dedupe', ...process.argv.slice(2)]);
