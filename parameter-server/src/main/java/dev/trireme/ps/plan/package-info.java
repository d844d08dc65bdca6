/** How parameters are cut into shards and which server holds which: pure functions and records. */
package dev.trireme.ps.plan;
