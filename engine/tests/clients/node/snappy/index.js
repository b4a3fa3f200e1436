'use strict';
// The two functions of the native package snappy 6 that kafka-node calls.
const snappyjs = require('snappyjs');

function answering(work) {
  return (data, callback) => {
    let result;
    try {
      result = Buffer.from(work(data));
    } catch (error) {
      return callback(error);
    }
    return callback(null, result);
  };
}

exports.compress = answering(snappyjs.compress);
exports.uncompress = answering(snappyjs.uncompress);
