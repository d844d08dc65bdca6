package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce by recursive halving and doubling (Rabenseifner's algorithm).
 *
 * <p>Let P be the largest power of two that is at most W, and R = W - P. First the ranks that are
 * too many fold in: of the first 2R ranks, each even one adds its odd neighbour's buffer to its own
 * and takes part for both; the odd one waits. The P ranks that take part are numbered anew, in
 * order of rank. Then reduce-scatter, log2 P steps: in each, a rank and the partner whose number
 * differs in one bit, the highest first, halve the range that they still share; each adds the
 * partner's half of the elements that it keeps. Afterwards each holds the whole sum of one of P
 * chunks. Then all-gather, the same steps backwards: each copies what its partner has, and the
 * range doubles. Last, the odd ranks copy the whole from their neighbours.
 *
 * <p>Cost for S bytes: a rank reads 3 S (P-1)/P bytes and writes 2 S (P-1)/P, as in a ring, but in
 * 2 log2 P steps instead of 2 (W-1); where W is no power of two, a pair of ranks takes two steps
 * more and S bytes more each way. In place a partner's half is only read, and it is read while its
 * owner works on its own half, so that one meeting a step is enough.
 *
 * <p>Order of sums: the highest bit first means that the first step adds ranks that are P/2 apart,
 * the last one neighbours; every element's sum is a balanced binary tree over the P that take part,
 * the same for all elements up to which operand of a sum comes first, which does not change the sum
 * of two floating-point numbers. All ranks end with the same bits, which do not depend on timing.
 *
 * <p>Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in
 * MPICH", Int. J. High Perform. Comput. Appl. 19 (2005), section 4.5.
 */
public final class HalvingDoublingAllReduce {
  private HalvingDoublingAllReduce() {}

  /** What {@code rank} of {@code worldSize} does to reduce {@code count} elements. */
  public static List<Step> plan(int rank, int worldSize, long count) {
    int power = Integer.highestOneBit(worldSize);
    int folded = worldSize - power;
    List<Step> steps = new ArrayList<>();
    if (rank < 2 * folded && rank % 2 == 1) {
      steps.add(new Step.Await(rank - 1, lastStage(power)));
      steps.add(new Step.Copy(rank - 1, 0, count));
      steps.add(new Step.Tell(rank - 1, 1));
      return List.copyOf(steps);
    }
    boolean doubled = rank < 2 * folded;
    int number = doubled ? rank / 2 : rank - folded;
    if (doubled) {
      steps.add(new Step.Reduce(rank + 1, 0, count));
    }
    exchange(steps, number, power, folded, new Chunks(count, power));
    if (doubled) {
      steps.add(new Step.Tell(rank + 1, lastStage(power)));
      steps.add(new Step.Await(rank + 1, 1));
    }
    return List.copyOf(steps);
  }

  /** Halving begins with stage 1, doubling with 1 + log2 P; the end of both is 1 + 2 log2 P. */
  private static int lastStage(int power) {
    return 2 + 2 * Integer.numberOfTrailingZeros(power);
  }

  private static void exchange(List<Step> steps, int number, int power, int folded, Chunks chunks) {
    int depth = Integer.numberOfTrailingZeros(power);
    int from = 0;
    int length = power;
    for (int k = 0; k < depth; k++) {
      length /= 2;
      int partner = rankOf(number ^ length, folded);
      // The partner's sums of the steps before must be whole. That it has finished reading this
      // rank's memory of the step before is not needed: it never reads what is written now.
      steps.add(new Step.Tell(partner, 1 + k));
      steps.add(new Step.Await(partner, 1 + k));
      from += (number & length) == 0 ? 0 : length;
      steps.add(range(chunks, from, length, Kind.REDUCE, partner));
    }
    steps.add(range(chunks, from, length, Kind.FINISH, -1));
    for (int k = 0; k < depth; k++) {
      int partner = rankOf(number ^ length, folded);
      // Also says that this rank has read all that it will of what the partner overwrites now.
      steps.add(new Step.Tell(partner, 1 + depth + k));
      steps.add(new Step.Await(partner, 1 + depth + k));
      int theirs = from ^ length;
      steps.add(range(chunks, theirs, length, Kind.COPY, partner));
      from = Math.min(from, theirs);
      length *= 2;
    }
    // Nobody returns, and has its buffer written by its user, while a partner still copies from it.
    for (int bit = 1; bit < power; bit *= 2) {
      steps.add(new Step.Tell(rankOf(number ^ bit, folded), 1 + 2 * depth));
    }
    for (int bit = 1; bit < power; bit *= 2) {
      steps.add(new Step.Await(rankOf(number ^ bit, folded), 1 + 2 * depth));
    }
  }

  private enum Kind {
    REDUCE,
    FINISH,
    COPY
  }

  private static Step range(Chunks chunks, int first, int length, Kind kind, int partner) {
    long from = chunks.from(first);
    long count = chunks.from(first + length - 1) + chunks.length(first + length - 1) - from;
    return switch (kind) {
      case REDUCE -> new Step.Reduce(partner, from, count);
      case FINISH -> new Step.Finish(from, count);
      case COPY -> new Step.Copy(partner, from, count);
    };
  }

  private static int rankOf(int number, int folded) {
    return number < folded ? 2 * number : number + folded;
  }
}
