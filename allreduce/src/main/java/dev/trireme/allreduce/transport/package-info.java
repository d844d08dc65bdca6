/**
 * How the ranks of one host reach each other: small signals in order, and memory that all of them
 * can address. Aeron over IPC with files in shared memory is the one for processes.
 */
package dev.trireme.allreduce.transport;
