#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['flatten', ...process.argv.slice(2)]);
