package dev.trireme.allreduce.nccl;

import java.util.Objects;

/**
 * NCCL cannot be used here, whatever the peers do: another kind of group may serve. The message
 * says what was expected, NCCL's own words, and the setting to look at. Not worth a retry with the
 * same settings.
 */
public final class NcclUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why it cannot be used. */
  public enum Reason {
    /** A native library is missing: NCCL, the CUDA runtime or the driver. */
    LIBRARY,
    /** No device answers, or not the one that was asked for. */
    DEVICE,
    /** Two ranks have the same device. */
    SHARED_DEVICE,
    /** No network interface that NCCL is allowed to use. */
    INTERFACE,
    /** Something else; the message has NCCL's words. */
    OTHER
  }

  private final Reason reason;

  public NcclUnavailableException(Reason reason, String message) {
    super(message);
    this.reason = Objects.requireNonNull(reason, "reason");
  }

  public NcclUnavailableException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = Objects.requireNonNull(reason, "reason");
  }

  /** Why it cannot be used. */
  public Reason reason() {
    return reason;
  }
}
