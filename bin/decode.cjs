#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['decode', ...process.argv.slice(2)]);
