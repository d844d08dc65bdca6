package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.tensor.TensorBuffer;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import org.agrona.UnsafeApi;

/**
 * The memory that the ranks of a host share: one region a rank for each allocation. Region 0 holds
 * the rank's state, two slots for direct all-reduces, the staging area, through which buffers
 * travel that peers cannot address, and slots for {@link Parcels}.
 *
 * <p>A place in it is one number, the same on all ranks: region + 1 in the upper bits, offset in
 * the lower 40; 0 is no place.
 *
 * <p>Threading: whoever holds the sequencer; {@link #place} may be asked by any thread that starts
 * operations.
 */
final class Memory {
  /** Bytes of one slot for a direct all-reduce. */
  static final int SLOT_BYTES = AllReduceAlgorithm.DIRECT_BYTES;

  /** Bytes that travel through the staging area at once: half of a usual second-level cache. */
  static final int STAGING_BYTES = 512 << 10;

  /** Bytes of a rank's state at the beginning of region 0: two cache lines, of which it uses 8. */
  static final int STATE_BYTES = 128;

  /** Bytes of one slot for a parcel; there are {@link #PARCELS} of them for each other rank. */
  static final int PARCEL_BYTES = 16 << 10;

  /** While the receiver empties one, the sender fills the next. */
  static final int PARCELS = 2;

  private static final int OFFSET_BITS = 40;

  /**
   * One allocation.
   *
   * @param bytes on each rank
   * @param addresses at which this process sees the region of each rank
   */
  private record Region(long bytes, long[] addresses) {}

  private final Transport transport;
  private volatile List<Region> regions = List.of();

  Memory(Transport transport) {
    this.transport = transport;
  }

  /** Bytes of region 0. */
  long baseBytes() {
    return STATE_BYTES
        + 2L * SLOT_BYTES
        + STAGING_BYTES
        + (long) transport.worldSize() * PARCELS * PARCEL_BYTES;
  }

  /** The index that the next allocation will have. */
  int nextIndex() {
    return regions.size();
  }

  /** Makes this rank's part of the next region. */
  long create(long bytes) {
    return transport.createMemory(nextIndex(), bytes);
  }

  /** Opens the peers' parts of the next region, which all ranks have made, and takes it in. */
  void open(long bytes, long own) {
    long[] addresses = new long[transport.worldSize()];
    for (int rank = 0; rank < addresses.length; rank++) {
      addresses[rank] =
          rank == transport.rank()
              ? own
              : transport.hosts().together(rank, transport.rank())
                  ? transport.openMemory(rank, nextIndex(), bytes)
                  : 0;
    }
    List<Region> more = new ArrayList<>(regions);
    more.add(new Region(bytes, addresses));
    regions = List.copyOf(more);
  }

  /** Says that all peers have opened the last region. */
  void seal() {
    transport.sealMemory(nextIndex() - 1);
  }

  /** Where {@code buffer} lies in this rank's regions; 0 when it does not. */
  long place(TensorBuffer buffer) {
    List<Region> known = regions;
    for (int i = 1; i < known.size(); i++) {
      long offset = buffer.address() - known.get(i).addresses()[transport.rank()];
      if (offset >= 0 && offset + buffer.byteCount() <= known.get(i).bytes()) {
        return (i + 1L) << OFFSET_BITS | offset;
      }
    }
    return 0;
  }

  /** The address at which this process sees a place of {@code rank}; 0 where it does not. */
  long address(int rank, long place) {
    Region region = regions.get((int) (place >>> OFFSET_BITS) - 1);
    long first = region.addresses()[rank];
    return first == 0 ? 0 : first + (place & ((1L << OFFSET_BITS) - 1));
  }

  /** The address of a rank's slot for direct all-reduces. */
  long slot(int rank, int index) {
    return regions.get(0).addresses()[rank] + STATE_BYTES + (long) index * SLOT_BYTES;
  }

  /** The address of a rank's staging area. */
  long staging(int rank) {
    return regions.get(0).addresses()[rank] + STATE_BYTES + 2L * SLOT_BYTES;
  }

  /**
   * Notes where peers see it that this rank gives the group up, before its user learns of it: from
   * then on the user may write to its buffers.
   *
   * @param completed operations of this rank
   */
  void giveUp(long completed) {
    if (!regions.isEmpty()) {
      UnsafeApi.putLongVolatile(null, regions.get(0).addresses()[transport.rank()], completed + 1);
    }
  }

  /**
   * A peer that gave the group up before it had completed {@code operation}, or -1. What this rank
   * has read of such a peer's buffers may be anything.
   */
  int gaveUpBefore(long operation) {
    for (int rank = 0; rank < transport.worldSize(); rank++) {
      if (rank != transport.rank()) {
        long state = state(rank);
        if (state != 0 && state - 1 < operation) {
          return rank;
        }
      }
    }
    return -1;
  }

  /** Whether a peer has given the group up, also by closing it. */
  boolean gaveUp(int rank) {
    return state(rank) != 0;
  }

  /** What a rank has marked, 0 where that cannot be seen; read after all that was read before. */
  private long state(int rank) {
    VarHandle.acquireFence();
    long at = regions.get(0).addresses()[rank];
    return at == 0 ? 0 : UnsafeApi.getLongVolatile(null, at);
  }

  /** The address of a slot of rank {@code from} for what it sends to {@code to}. */
  long parcel(int from, int to, int slot) {
    return staging(from) + STAGING_BYTES + ((long) to * PARCELS + slot) * PARCEL_BYTES;
  }
}
