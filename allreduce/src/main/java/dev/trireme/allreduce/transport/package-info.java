/**
 * How ranks reach each other: small signals in order, memory that all ranks of one host address,
 * and streams of bytes between hosts. Aeron carries the signals, files in shared memory and TCP
 * connections (or Aeron) the rest.
 */
package dev.trireme.allreduce.transport;
