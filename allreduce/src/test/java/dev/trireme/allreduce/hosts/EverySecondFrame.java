package dev.trireme.allreduce.hosts;

import io.aeron.driver.ext.LossGenerator;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import org.agrona.concurrent.UnsafeBuffer;

/** Drops every second frame of each stream when it is sent for the first time. */
final class EverySecondFrame implements LossGenerator {
  private final DataHeaderFlyweight header = new DataHeaderFlyweight();
  private final Map<Long, Long> sent = new HashMap<>();
  private final Map<Long, Integer> frames = new HashMap<>();

  @Override
  public boolean shouldDropFrame(InetSocketAddress to, UnsafeBuffer buffer, int length) {
    header.wrap(buffer);
    if (header.headerType() != HeaderFlyweight.HDR_TYPE_DATA || header.frameLength() <= 0) {
      return false;
    }
    long stream = (long) header.sessionId() << 32 | header.streamId();
    long end = (long) header.termId() << 32 | header.termOffset() + length;
    if (end <= sent.getOrDefault(stream, Long.MIN_VALUE)) {
      return false;
    }
    sent.put(stream, end);
    return frames.merge(stream, 1, Integer::sum) % 2 == 0;
  }
}
