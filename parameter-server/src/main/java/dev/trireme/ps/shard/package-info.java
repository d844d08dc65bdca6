/**
 * What a server keeps of one shard: its values, its clocks, and its optimizer. No messages here.
 */
package dev.trireme.ps.shard;
