package dev.trireme.protocol;

import java.util.List;
import java.util.Locale;

/**
 * A CUDA device of a host, as its driver describes it.
 *
 * @param index in the driver's order, at least 0
 * @param uuid by which it is known whatever the order
 * @param name for people
 * @param totalBytes of memory
 * @param freeBytes of that when the agent looked
 * @param pciBusId where it is plugged in
 * @param links to the host's other devices
 */
public record HostDevice(
    int index,
    String uuid,
    String name,
    long totalBytes,
    long freeBytes,
    String pciBusId,
    List<Link> links) {
  /** The most that an agent may announce. */
  public static final int MAX = 64;

  public HostDevice {
    links = List.copyOf(links);
  }

  /**
   * What joins two devices of a host.
   *
   * @param peer the other one's index
   * @param kind the slowest part of the way
   * @param count NVLinks between the two; 0 for other kinds
   */
  public record Link(int peer, LinkKind kind, int count) {
    /** As in a table: {@code NV18}, {@code PIX}. */
    public String word() {
      return kind == LinkKind.NVLINK ? "NV" + count : kind.word();
    }
  }

  /** The kinds of way between two devices, the fastest first; named as nvidia-smi does. */
  public enum LinkKind {
    /** Links of their own. */
    NVLINK,
    /** Two devices on one board. */
    SAME_BOARD,
    /** One PCIe switch. */
    ONE_SWITCH,
    /** Several PCIe switches. */
    SWITCHES,
    /** A PCIe host bridge, the CPU's. */
    HOST_BRIDGE,
    /** Several host bridges of one NUMA node. */
    NODE,
    /** The link between CPUs. */
    SYSTEM,
    /** The driver does not say. */
    UNKNOWN;

    String word() {
      return switch (this) {
        case ONE_SWITCH -> "PIX";
        case SWITCHES -> "PXB";
        case HOST_BRIDGE -> "PHB";
        case SYSTEM -> "SYS";
        case UNKNOWN -> "?";
        default -> name().toUpperCase(Locale.ROOT);
      };
    }
  }
}
