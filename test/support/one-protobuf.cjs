/**
 * Loaded before Temporal's packages: npm may install one copy of protobufjs for each of them, and the conversion between
 * histories and JSON takes types of its own copy only. Here all get the copy that declares the types.
 */
const Module = require('node:module');

const paths = [require.resolve('@temporalio/proto')];
const resolveFilename = Module._resolveFilename;

Module._resolveFilename = function (request, parent, ...rest) {
  const isProtobuf = request === 'protobufjs' || request.startsWith('protobufjs/');
  if (!isProtobuf || parent?.filename?.includes('protobufjs'))
    return resolveFilename.call(this, request, parent, ...rest);
  return resolveFilename.call(this, request, parent, rest[0], { paths });
};
