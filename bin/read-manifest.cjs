#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['read-manifest', ...process.argv.slice(2)]);
