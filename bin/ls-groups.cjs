#!/usr/bin/env node
require('../dist/cli/start.cjs').start(['ls-groups', ...process.argv.slice(2)]);
