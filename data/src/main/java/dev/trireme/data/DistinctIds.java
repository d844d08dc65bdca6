package dev.trireme.data;

import java.util.Arrays;

/**
 * Numbers ids in their order, whatever the order in which they come and however often.
 *
 * <p>Cost: at most 16 bytes an id while they are collected, 4 afterwards; repetitions cost no
 * memory. Threading: one thread.
 */
final class DistinctIds {
  private static final int FEWEST = 1 << 12;

  private int[] known = {};
  private int[] recent = new int[FEWEST];
  private int count;

  void add(int id) {
    if (count > 0 && recent[count - 1] == id) {
      return;
    }
    if (count == recent.length) {
      merge();
    }
    recent[count++] = id;
  }

  private void merge() {
    int[] both = Arrays.copyOf(known, known.length + count);
    System.arraycopy(recent, 0, both, known.length, count);
    Arrays.sort(both);
    int kept = 0;
    for (int id : both) {
      if (kept == 0 || both[kept - 1] != id) {
        both[kept++] = id;
      }
    }
    known = Arrays.copyOf(both, kept);
    count = 0;
    if (recent.length < kept) {
      // As many as are known, so that each is sorted few times.
      recent = new int[kept];
    }
  }

  /** No more will come: sorts what there is. */
  void complete() {
    merge();
    recent = new int[0];
  }

  /** How many there are, once complete. */
  int size() {
    return known.length;
  }

  /** The number of an id that was added, from 0, once complete. */
  int numberOf(int id) {
    return Arrays.binarySearch(known, id);
  }

  /** What it takes at most until more ids have come than now. */
  long bytes() {
    return 4L * Integer.BYTES * Math.max(known.length, recent.length);
  }
}
