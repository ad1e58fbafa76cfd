#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['to-sql', ...process.argv.slice(2)]);
