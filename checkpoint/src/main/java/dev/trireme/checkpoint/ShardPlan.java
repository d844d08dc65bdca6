package dev.trireme.checkpoint;

import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.format.Bounds;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import dev.trireme.checkpoint.format.TensorSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Which rank writes which tensor, and where in its shard. Every rank holds every tensor, so that
 * the plan is free to even out the bytes: the largest first, each to the rank that has the least so
 * far (Graham's longest-processing-time rule, whose fullest rank has at most 4/3 of the best
 * possible). A pure function of the tensors and the world size: all ranks find the same plan
 * without a word. Cost: n log n in the number of tensors.
 *
 * @param shards by rank, the tensors of each in the order of their places
 */
record ShardPlan(List<List<SafetensorsHeader.Entry>> shards) {
  ShardPlan {
    shards = shards.stream().map(List::copyOf).toList();
  }

  private record Load(int rank, long bytes) {}

  /**
   * Deals out the tensors.
   *
   * @throws IllegalArgumentException when two have one name, or there are too many
   */
  static ShardPlan of(List<TensorSpec> tensors, int worldSize) {
    if (tensors.size() > Bounds.TENSORS) {
      throw new IllegalArgumentException(
          "a checkpoint holds at most " + Bounds.TENSORS + " tensors, found " + tensors.size());
    }
    Set<String> names = new HashSet<>();
    List<TensorSpec> largestFirst = new ArrayList<>(tensors);
    largestFirst.sort(
        Comparator.comparingLong(TensorSpec::byteCount).reversed().thenComparing(TensorSpec::name));
    List<List<TensorSpec>> dealt = new ArrayList<>();
    PriorityQueue<Load> loads =
        new PriorityQueue<>(Comparator.comparingLong(Load::bytes).thenComparingInt(Load::rank));
    for (int rank = 0; rank < worldSize; rank++) {
      dealt.add(new ArrayList<>());
      loads.add(new Load(rank, 0));
    }
    for (TensorSpec tensor : largestFirst) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("two tensors are named '" + tensor.name() + "'");
      }
      Load least = loads.remove();
      dealt.get(least.rank()).add(tensor);
      loads.add(new Load(least.rank(), least.bytes() + tensor.byteCount()));
    }
    return new ShardPlan(dealt.stream().map(SafetensorsHeader::place).toList());
  }

  /** The plan for these tensors. */
  static ShardPlan ofTensors(List<NamedTensor> tensors, int worldSize) {
    return of(tensors.stream().map(TensorSpec::of).toList(), worldSize);
  }

  /** What this rank writes. */
  List<SafetensorsHeader.Entry> shard(int rank) {
    return shards.get(rank);
  }

  /** The values that all ranks write, in bytes. */
  long allBytes() {
    long bytes = 0;
    for (int rank = 0; rank < shards.size(); rank++) {
      bytes += dataBytes(rank);
    }
    return bytes;
  }

  /** The values that this rank writes, in bytes. */
  long dataBytes(int rank) {
    List<SafetensorsHeader.Entry> shard = shards.get(rank);
    return shard.isEmpty() ? 0 : shard.get(shard.size() - 1).end();
  }
}
