#!/usr/bin/env node
require('../dist/cli/main.cjs').main(['ls-groups', ...process.argv.slice(2)]);
