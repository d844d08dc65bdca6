package dev.trireme.allreduce.transport;

/**
 * The stream id of each ordered pair of ranks: dense from {@code base}, {@code worldSize *
 * (worldSize - 1)} of them.
 *
 * @param base the first id
 * @param worldSize at least 2
 */
record Streams(int base, int worldSize) {
  /** The stream on which {@code from} speaks to {@code to}. */
  int between(int from, int to) {
    return base + from * (worldSize - 1) + (to < from ? to : to - 1);
  }

  /** How many there are; as many again carry bytes between hosts, each at its number plus this. */
  int count() {
    return worldSize * (worldSize - 1);
  }
}
