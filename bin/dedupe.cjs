#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['dedupe', ...process.argv.slice(2)]);
