#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['decode', ...process.argv.slice(2)]);
