#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['read-manifest', ...process.argv.slice(2)]);
