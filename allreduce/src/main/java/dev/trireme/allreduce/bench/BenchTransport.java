package dev.trireme.allreduce.bench;

/** How the measured ranks reach each other. */
public enum BenchTransport {
  /** As ranks of one host: signals through Aeron IPC, data in shared memory. */
  IPC,
  /** As ranks of different hosts: everything through Aeron UDP, here on loopback. */
  UDP
}
