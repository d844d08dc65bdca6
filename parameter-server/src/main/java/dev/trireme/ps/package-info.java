/**
 * The parameter server: shards on servers, the workers' client, and how both speak over the
 * point-to-point messages of a process group. Ranks {@code 0..W-1} of that group are workers, the
 * others servers.
 */
package dev.trireme.ps;
