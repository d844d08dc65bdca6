package dev.trireme.worker.channel;

import java.util.Objects;

/**
 * Where a channel's two streams are.
 *
 * @param aeronDirectory of the agent's media driver, absolute
 * @param toAgentStream the stream that the rank writes
 * @param toRankStream the stream that the agent writes
 */
public record ChannelAddress(String aeronDirectory, int toAgentStream, int toRankStream) {
  public ChannelAddress {
    Objects.requireNonNull(aeronDirectory, "aeronDirectory");
    if (toAgentStream == toRankStream) {
      throw new IllegalArgumentException(
          "expected two different streams, found " + toAgentStream + " twice");
    }
  }
}
