package dev.trireme.api.train;

/**
 * What each rank sends of gradients in one step: the fewest bytes with which any algorithm can do
 * the step's collectives, so that the figure says what travels and not how. An all-reduce of n
 * bytes on W ranks sends {@code 2 n (W - 1) / W} from each, an all-gather of n bytes a rank {@code
 * n (W - 1)}. Ranks of one host read these bytes in shared memory; between hosts they are in
 * datagrams.
 *
 * @param sent as the gradients travel; 0 where there is one rank
 * @param plain what that would be without compression
 */
public record WireBytes(long sent, long plain) {
  /** Nothing is sent. */
  public static final WireBytes NONE = new WireBytes(0, 0);

  public WireBytes {
    if (sent < 0 || plain < 0) {
      throw new IllegalArgumentException("bytes sent are " + sent + " and " + plain + ", below 0");
    }
  }

  /** What an all-reduce of so many bytes on each rank sends from each. */
  public static long ofAllReduce(long bytes, int worldSize) {
    return Math.multiplyExact(2 * bytes, worldSize - 1) / worldSize;
  }

  /** What an all-gather of so many bytes of each rank sends from each. */
  public static long ofAllGather(long bytes, int worldSize) {
    return Math.multiplyExact(bytes, worldSize - 1);
  }

  /** Sent over plain, 1 without compression; NaN where nothing would be sent anyway. */
  public double ratio() {
    return plain == 0 ? Double.NaN : (double) sent / plain;
  }
}
