package dev.trireme.allreduce.bench;

/** How the ranks of a measurement reach each other. */
public enum BenchTransport {
  /** All on one host: shared memory, with signals over Aeron IPC. */
  IPC,
  /** Each on a host of its own, on the loopback interface: everything over Aeron UDP. */
  UDP,
  /** Each with a CUDA device of its own, whose memory is reduced: NCCL. */
  NCCL
}
