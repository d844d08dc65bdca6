package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.coordinator.schedule.Room.Gang;
import dev.trireme.coordinator.schedule.Room.Gang.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;

/**
 * Chooses agents for a gang.
 *
 * <p><b>Pack</b>: as few agents as possible, for ranks of one host talk through its memory. The
 * agents that hold most are taken first, which no other choice of so many agents can beat; the last
 * is the one with the least room that suffices, so that large holes stay whole. Cost: O(agents with
 * room x agents chosen).
 *
 * <p><b>Spread</b>: as many agents as possible, as evenly as they allow. Cost: O(agents with room
 * log agents + ranks).
 *
 * <p>Of agents alike, those without CUDA slots that the gang does not use go first, then those
 * first in the list.
 */
final class Packing {
  private Packing() {}

  /**
   * Chooses.
   *
   * @param spans whether the ranks may be on several agents
   * @param candidates agents by their places, in order
   * @param room ranks that fit on one of them
   * @param wasteful whether the gang would stand in the way of others there
   * @return empty when fewer than {@code min} fit
   */
  static Gang choose(
      int min,
      int max,
      boolean spans,
      Placing placing,
      int[] candidates,
      IntUnaryOperator room,
      IntPredicate wasteful) {
    int[] fits = new int[candidates.length];
    long sum = 0;
    int most = 0;
    for (int i = 0; i < fits.length; i++) {
      fits[i] = room.applyAsInt(candidates[i]);
      sum += fits[i];
      most = Math.max(most, fits[i]);
    }
    long available = spans ? sum : most;
    if (available < min || available == 0 || max < min) {
      return Gang.NONE;
    }
    int size = (int) Math.min(max, available);
    return spans && placing == Placing.SPREAD
        ? spread(size, candidates, fits)
        : pack(size, placing, candidates, fits, wasteful);
  }

  private static Gang pack(
      int size, Placing placing, int[] candidates, int[] fits, IntPredicate wasteful) {
    List<Part> parts = new ArrayList<>();
    int left = size;
    while (left > 0) {
      int best = -1;
      for (int i = 0; i < fits.length; i++) {
        if (fits[i] > 0
            && (best < 0 || isBetter(i, best, left, placing, candidates, fits, wasteful))) {
          best = i;
        }
      }
      int ranks = Math.min(left, fits[best]);
      parts.add(new Part(candidates[best], ranks));
      left -= ranks;
      fits[best] = 0;
    }
    return new Gang(parts);
  }

  private static boolean isBetter(
      int one,
      int other,
      int left,
      Placing placing,
      int[] candidates,
      int[] fits,
      IntPredicate wasteful) {
    boolean suffices = fits[one] >= left;
    if (suffices != fits[other] >= left) {
      return suffices;
    }
    if (suffices && wasteful.test(candidates[one]) != wasteful.test(candidates[other])) {
      return !wasteful.test(candidates[one]);
    }
    boolean smallest = suffices && placing == Placing.PACK;
    return smallest ? fits[one] < fits[other] : fits[one] > fits[other];
  }

  private static Gang spread(int size, int[] candidates, int[] fits) {
    long[] order = new long[fits.length];
    for (int i = 0; i < fits.length; i++) {
      // The most room first, then the first in the list.
      order[i] = ((long) -fits[i] << 32) | i;
    }
    Arrays.sort(order);
    int[] given = new int[fits.length];
    int left = size;
    while (left > 0) {
      for (int k = 0; k < order.length && left > 0; k++) {
        int i = (int) order[k];
        if (given[i] < fits[i]) {
          given[i]++;
          left--;
        }
      }
    }
    List<Part> parts = new ArrayList<>();
    for (long key : order) {
      int i = (int) key;
      if (given[i] > 0) {
        parts.add(new Part(candidates[i], given[i]));
      }
    }
    return new Gang(parts);
  }
}
