// Makes sharp look as if it were not installed.
const Module = require('node:module');

const own = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  if (name !== 'sharp') return own.call(this, name, ...rest);
  throw Object.assign(new Error("Cannot find module 'sharp'"), { code: 'MODULE_NOT_FOUND' });
};
