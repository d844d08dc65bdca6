package dev.trireme.allreduce;

/** What carries bytes between ranks of different hosts; their signals go over Aeron UDP anyway. */
public enum Carrier {
  /**
   * A TCP connection for each pair of ranks. The kernel, or the network card, cuts what is sent
   * into packets and puts together what arrives, so that a thousand of them cost the ranks one
   * call.
   */
  TCP,
  /** Aeron UDP: the ranks send and receive each packet themselves. */
  UDP
}
