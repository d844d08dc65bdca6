package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.Carrier;
import java.util.Optional;

/** How the ranks of a measurement reach each other. */
public enum BenchTransport {
  /** All on one host: shared memory, with signals over Aeron IPC. */
  IPC,
  /** Each on a host of its own, on the loopback interface: everything over Aeron UDP. */
  UDP,
  /** The same, with bytes over TCP and signals over Aeron UDP, as between the hosts of a job. */
  TCP,
  /** Each with a CUDA device of its own, whose memory is reduced: NCCL. */
  NCCL;

  /** What carries bytes between hosts; empty where there is only one. */
  public Optional<Carrier> carrier() {
    return switch (this) {
      case UDP -> Optional.of(Carrier.UDP);
      case TCP -> Optional.of(Carrier.TCP);
      case IPC, NCCL -> Optional.empty();
    };
  }
}
