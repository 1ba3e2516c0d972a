#!/usr/bin/env node
console.log("from node_modules/.bin", require("./index.js").twice(4));
