package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.tensor.NativeMemory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Bytes from one rank to another, wherever the two are: to another host as the transport writes
 * them; within the host through slots of the sender's memory, which the receiver reads after a
 * signal and gives back with another. Both arrive in order and are left where they are until the
 * receiver wants them; a sender without a free slot must try again.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Parcels {
  private record Arrived(long operation, long first, long offset) {}

  private static final int LENGTH_BITS = 32;
  private static final int PHASE_SHIFT = 40;

  private final Transport transport;
  private final Memory memory;
  private final int[] nextSlot;
  private final int[] freeSlots;
  private final List<ArrayDeque<Arrived>> arrived = new ArrayList<>();
  private final int[] owed;
  private int waiting;
  private int owing;

  Parcels(Transport transport, Memory memory) {
    this.transport = transport;
    this.memory = memory;
    this.nextSlot = new int[transport.worldSize()];
    this.freeSlots = new int[transport.worldSize()];
    this.owed = new int[transport.worldSize()];
    for (int peer = 0; peer < freeSlots.length; peer++) {
      freeSlots[peer] = Memory.PARCELS;
      arrived.add(new ArrayDeque<>());
    }
  }

  /** As {@link Transport#lend}, to any other rank. */
  int lend(int to, int phase, long operation, long offset, long address, long bytes) {
    return transport.hosts().together(to, transport.rank())
        ? write(to, phase, operation, offset, address, bytes)
        : transport.lend(to, phase, operation, offset, address, bytes);
  }

  /** As {@link Transport#takeBack}. */
  void takeBack() {
    transport.takeBack();
  }

  /** As {@link Transport#write}, to any other rank. */
  int write(int to, int phase, long operation, long offset, long address, long bytes) {
    if (!transport.hosts().together(to, transport.rank())) {
      return transport.write(to, phase, operation, offset, address, bytes);
    }
    if (freeSlots[to] == 0) {
      return 0;
    }
    int length = (int) Math.min(bytes, Memory.PARCEL_BYTES);
    int slot = nextSlot[to];
    NativeMemory.copy(address, memory.parcel(transport.rank(), to, slot), length);
    long first = (long) phase << PHASE_SHIFT | (long) slot << LENGTH_BITS | length;
    if (!transport.send(to, SignalKind.PARCEL, operation, first, offset, "")) {
      return 0;
    }
    freeSlots[to]--;
    nextSlot[to] = (slot + 1) % Memory.PARCELS;
    return length;
  }

  /** Takes a signal that is about parcels. */
  void hear(int from, SignalKind kind, long operation, long first, long second) {
    if (kind == SignalKind.RECEIPT) {
      freeSlots[from]++;
    } else {
      arrived.get(from).add(new Arrived(operation, first, second));
      waiting++;
    }
  }

  /** As {@link Transport#read}, from all other ranks. */
  int read(Transport.Receiver receiver) {
    int taken = transport.hosts().count() > 1 ? transport.read(receiver) : 0;
    for (int from = 0; waiting > 0 && from < arrived.size(); from++) {
      ArrayDeque<Arrived> queue = arrived.get(from);
      while (!queue.isEmpty() && takeOne(from, queue.peek(), receiver)) {
        queue.remove();
        waiting--;
        taken++;
      }
    }
    settle();
    return taken;
  }

  private boolean takeOne(int from, Arrived parcel, Transport.Receiver receiver) {
    int slot = (int) (parcel.first() >>> LENGTH_BITS) & 255;
    int phase = (int) (parcel.first() >>> PHASE_SHIFT);
    long address = memory.parcel(from, transport.rank(), slot);
    if (!receiver.take(
        from, phase, parcel.operation(), parcel.offset(), address, (int) parcel.first())) {
      return false;
    }
    owed[from]++;
    owing++;
    return true;
  }

  /** As {@link Transport#emptied}, of bytes on either way. */
  boolean emptied(int peer) {
    return arrived.get(peer).isEmpty() && transport.emptied(peer);
  }

  /** Receipts that could not be sent at once are sent later. */
  private void settle() {
    for (int peer = 0; owing > 0 && peer < owed.length; peer++) {
      while (owed[peer] > 0 && transport.send(peer, SignalKind.RECEIPT, 0, 0, 0, "")) {
        owed[peer]--;
        owing--;
      }
    }
  }
}
