// SPDX-License-Identifier: Apache-2.0
// dynalite ends when a client leaves in the middle of a request. A server would not.
'use strict';

process.on('uncaughtException', (error) => {
  if (error.code !== 'ECONNRESET') {
    console.error(error);
    process.exit(1);
  }
});
require('../../.servers/node_modules/dynalite/cli.js');
