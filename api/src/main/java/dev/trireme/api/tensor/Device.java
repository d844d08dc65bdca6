package dev.trireme.api.tensor;

/**
 * Where a tensor's memory stands.
 *
 * @param kind the sort of device
 * @param index its number among devices of that kind on the host; always 0 for the CPU
 */
public record Device(Kind kind, int index) {
  /** The sorts of device. */
  public enum Kind {
    CPU,
    CUDA
  }

  /** The host's own memory. */
  public static final Device CPU = new Device(Kind.CPU, 0);

  public Device {
    if (index < 0 || (kind == Kind.CPU && index != 0)) {
      throw new IllegalArgumentException("no device " + kind + ":" + index);
    }
  }

  /** As people write it: {@code cpu}, or {@code cuda:1}. */
  @Override
  public String toString() {
    return kind == Kind.CPU ? "cpu" : "cuda:" + index;
  }
}
