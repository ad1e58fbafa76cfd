#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['to-sql', ...process.argv.slice(2)]);
