#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['flatten', ...process.argv.slice(2)]);
