package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Receiver;
import dev.trireme.api.tensor.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import org.agrona.BufferUtil;

/**
 * The connection to one rank of another host. What is written goes out as frames: a header that
 * says for what the bytes are and how many, and the bytes, from the buffer in which they are. The
 * kernel may take a part of a frame only; then the rest must come next, and whoever writes
 * something else must wait for that.
 *
 * <p>What arrives is put where the receiver wants it in the end, if it says so; else it lies in a
 * buffer that fits into a core's cache, from where it is handed on in pieces as they arrive. What
 * the receiver leaves stays there, and then in the kernel's buffers, which in the end makes the
 * sender wait.
 *
 * <p>Bytes are copied once on each side by the kernel, and once more where they must be added up.
 *
 * <p>Threading: one thread at a time.
 */
final class TcpWire implements AutoCloseable {
  /** Phase and length, 4 bytes each; operation and offset, 8 bytes each; in the order of x86. */
  static final int HEADER_BYTES = 24;

  /** What is handed on is a multiple of this, so that no element is cut, save at a frame's end. */
  private static final int GRAIN = 64;

  /** Whoever writes something else waits for the end of a frame. */
  private static final int LONGEST = 1 << 20;

  private static final int MOST_READ = 1 << 20;
  private static final int STAGING_BYTES = 128 << 10;

  /** Below this it is worth while to move what is left to the buffer's beginning. */
  private static final int LEAST_ROOM = 32 << 10;

  private static final int PHASES = 256;

  /** A call of the kernel more would cost more than the copy. */
  private static final int LEAST_PLACED = 8 << 10;

  private final int peer;
  private final SocketChannel channel;
  private final ByteBuffer header = direct(HEADER_BYTES);
  private final ByteBuffer[] parts = new ByteBuffer[2];
  private final ByteBuffer staging;
  private final long stagingAddress;

  // Of the frame that is being written: what it is for, its next byte, how many are left.
  private int outPhase;
  private long outOperation;
  private long outOffset;
  private int outLeft;
  private int outLength;
  private long written;

  // Of the frame that is being read, the same; and what is staged lies from `from` to `until`.
  private int inPhase;
  private long inOperation;
  private long inOffset;
  private int inLeft;
  private int from;
  private int until;
  private long read;
  private boolean refused;

  // So many bytes of that frame are not staged, but already where the receiver wants them.
  private long place;
  private int placed;
  private Optional<String> ended = Optional.empty();
  private long endedNanos;

  /**
   * @param channel connected, does not block, and is this one's from now on
   */
  TcpWire(int peer, SocketChannel channel) {
    this.peer = peer;
    this.channel = channel;
    this.staging = BufferUtil.allocateDirectAligned(STAGING_BYTES, GRAIN);
    this.stagingAddress = BufferUtil.address(staging);
    staging.order(ByteOrder.LITTLE_ENDIAN);
    header.limit(0);
  }

  private static ByteBuffer direct(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** As {@link Transport#write}; says how many bytes were taken, which may be any number. */
  int write(int phase, long operation, long offset, long address, long bytes) {
    if (ended.isPresent()) {
      return 0;
    }
    if (outLeft == 0) {
      begin(phase, operation, offset, (int) Math.min(bytes, LONGEST));
    } else if (phase != outPhase || operation != outOperation || offset != outOffset) {
      return 0;
    }
    int length = (int) Math.min(outLeft, bytes);
    try {
      int before = header.remaining();
      ByteBuffer content = NativeMemory.view(address, length);
      if (before == 0) {
        channel.write(content);
      } else {
        parts[0] = header;
        parts[1] = content;
        channel.write(parts);
      }
      int taken = content.position();
      outOffset += taken;
      outLeft -= taken;
      written += outLeft == 0 ? outLength : 0;
      return taken;
    } catch (IOException e) {
      end(e.toString());
      return 0;
    }
  }

  private void begin(int phase, long operation, long offset, int length) {
    outPhase = phase;
    outOperation = operation;
    outOffset = offset;
    outLeft = length;
    outLength = HEADER_BYTES + length;
    header.clear();
    header.putInt(phase).putInt(length).putLong(operation).putLong(offset).flip();
  }

  /** As {@link Transport#read}, of this peer. */
  int read(Receiver to) {
    int taken = 0;
    int budget = MOST_READ;
    int arrived = 1;
    while (arrived > 0) {
      taken += hand(to);
      arrived = refused || budget <= 0 ? 0 : fill(to);
      budget -= arrived;
    }
    return taken;
  }

  /** Hands on what is there, as far as it is wanted; says how many pieces that was. */
  private int hand(Receiver to) {
    int taken = 0;
    refused = false;
    while (inLeft > 0 || readHeader()) {
      int there = placed > 0 ? placed : Math.min(until - from, inLeft);
      int length = there < inLeft ? there - there % GRAIN : there;
      if (length == 0) {
        return taken;
      }
      long at = placed > 0 ? place : stagingAddress + from;
      refused = !to.take(peer, inPhase, inOperation, inOffset, at, length);
      if (refused) {
        return taken;
      }
      if (placed > 0) {
        // What is left is at the place of what comes next.
        placed -= length;
        place += length;
      } else {
        from += length;
      }
      inOffset += length;
      inLeft -= length;
      read += length;
      taken++;
    }
    return taken;
  }

  private boolean readHeader() {
    if (until - from < HEADER_BYTES) {
      return false;
    }
    inPhase = staging.getInt(from);
    inLeft = staging.getInt(from + 4);
    inOperation = staging.getLong(from + 8);
    inOffset = staging.getLong(from + 16);
    if (inPhase < 0 || inPhase >= PHASES || inLeft <= 0 || inLeft > LONGEST) {
      end("it sent a header with phase " + inPhase + " and length " + inLeft);
      inLeft = 0;
      from = until;
      return false;
    }
    from += HEADER_BYTES;
    read += HEADER_BYTES;
    return true;
  }

  /** Puts what has arrived where it belongs, or behind what is staged; says how many bytes. */
  private int fill(Receiver to) {
    if (ended.isPresent()) {
      return 0;
    }
    ByteBuffer room = from == until && inLeft > 0 ? placeOf(to) : null;
    boolean direct = room != null;
    try {
      int arrived = channel.read(direct ? room : stage());
      if (arrived < 0) {
        end("it has closed its connection");
        return 0;
      }
      if (direct) {
        placed += arrived;
      } else {
        until += arrived;
      }
      return arrived;
    } catch (IOException e) {
      end(e.toString());
      return 0;
    }
  }

  /** Where the rest of the frame may be put, or null. */
  private ByteBuffer placeOf(Receiver to) {
    if (placed == 0) {
      place = inLeft < LEAST_PLACED ? 0 : to.place(peer, inPhase, inOperation, inOffset, inLeft);
    }
    return place == 0
        ? null
        : NativeMemory.view(place + placed, Math.min(inLeft - placed, MOST_READ));
  }

  /**
   * The room behind what is staged. Of what comes after the frame only a little is read with it, so
   * that most of the next one may go where it belongs.
   */
  private ByteBuffer stage() {
    if (from == until) {
      from = 0;
      until = 0;
    } else if (STAGING_BYTES - until < LEAST_ROOM) {
      NativeMemory.copy(stagingAddress + from, stagingAddress, until - from);
      until -= from;
      from = 0;
    }
    int wanted = Math.max(0, inLeft - (until - from)) + HEADER_BYTES + LEAST_PLACED;
    return staging.limit(Math.min(STAGING_BYTES, until + wanted)).position(until);
  }

  private void end(String why) {
    if (ended.isEmpty()) {
      ended = Optional.of(why);
      endedNanos = System.nanoTime();
    }
  }

  /** Why nothing goes to or from the peer any more, once that has been so for so long. */
  Optional<String> ended(long forNanos) {
    return System.nanoTime() - endedNanos < forNanos ? Optional.empty() : ended;
  }

  /** Bytes of all whole frames, headers among them. */
  long written() {
    return written;
  }

  /** Bytes that were handed on, headers among them. */
  long read() {
    return read;
  }

  @Override
  public void close() {
    end("this rank has closed it");
    try {
      channel.close();
    } catch (IOException e) {
      // It is of no use to anybody any more, closed or not.
      endedNanos = System.nanoTime();
    }
  }
}
