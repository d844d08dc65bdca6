package dev.trireme.allreduce.transport;

import io.aeron.protocol.DataHeaderFlyweight;

/**
 * A frame of the streams of bytes: Aeron's header, then phase, operation and offset, 8 bytes each,
 * 8 unused; then the bytes.
 */
final class Frame {
  static final int AERON_BYTES = DataHeaderFlyweight.HEADER_LENGTH;

  /** A multiple of 32, so that elements are aligned as the frame is. */
  static final int HEADER_BYTES = 32;

  static final int PHASE = 0;
  static final int OPERATION = 8;
  static final int OFFSET = 16;

  private Frame() {}

  /** How many bytes go into one. */
  static int room(int mtu) {
    return mtu - AERON_BYTES - HEADER_BYTES & -64;
  }
}
