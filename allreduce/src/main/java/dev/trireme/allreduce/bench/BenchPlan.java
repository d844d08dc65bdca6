package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * What is measured: all-reduces of float32 sums, one size after the other.
 *
 * @param ranks processes, 1 to {@value GroupConfig#MAX_WORLD_SIZE}
 * @param sizes in bytes, multiples of 4, each from 4 to {@value #MAX_BYTES}; at least one
 * @param algorithm for every size that it can do; chosen by size when empty
 * @param transport that carries signals and data
 * @param iterations timed rounds of each size, at least 1; by size when empty
 * @param warmup rounds of each size before those, at least 0; as many as fit into 1 s when empty
 */
public record BenchPlan(
    int ranks,
    List<Long> sizes,
    Optional<AllReduceAlgorithm> algorithm,
    BenchTransport transport,
    OptionalInt iterations,
    OptionalInt warmup) {
  /** The largest buffer. */
  public static final long MAX_BYTES = 1L << 30;

  public BenchPlan {
    sizes = List.copyOf(sizes);
    if (ranks < 1 || ranks > GroupConfig.MAX_WORLD_SIZE) {
      throw new IllegalArgumentException(
          "expected 1 to " + GroupConfig.MAX_WORLD_SIZE + " ranks, found " + ranks);
    }
    if (sizes.isEmpty()) {
      throw new IllegalArgumentException("expected at least one size, found none");
    }
    for (long bytes : sizes) {
      if (bytes < Float.BYTES || bytes > MAX_BYTES || bytes % Float.BYTES != 0) {
        throw new IllegalArgumentException(
            "expected sizes of 4 to "
                + MAX_BYTES
                + " bytes in multiples of 4 (float32), found "
                + bytes);
      }
    }
    if (iterations.orElse(1) < 1 || warmup.orElse(0) < 0) {
      throw new IllegalArgumentException(
          "expected at least 1 timed round after at least 0 to warm up, found "
              + iterations.orElse(1)
              + " after "
              + warmup.orElse(0));
    }
  }

  /** Each size with every other choice left to Trireme. */
  public static BenchPlan of(int ranks, List<Long> sizes) {
    return new BenchPlan(
        ranks,
        sizes,
        Optional.empty(),
        BenchTransport.IPC,
        OptionalInt.empty(),
        OptionalInt.empty());
  }

  /** The same with one algorithm. */
  public BenchPlan with(AllReduceAlgorithm one) {
    return new BenchPlan(ranks, sizes, Optional.of(one), transport, iterations, warmup);
  }

  long largest() {
    return sizes.stream().mapToLong(Long::longValue).max().orElseThrow();
  }

  /** As words of a command line, which {@link #parse} reads. */
  List<String> words() {
    return List.of(
        "ranks=" + ranks,
        "sizes=" + sizes.stream().map(String::valueOf).collect(Collectors.joining(",")),
        "algorithm=" + algorithm.map(Enum::name).orElse(""),
        "transport=" + transport,
        "iterations=" + (iterations.isPresent() ? iterations.getAsInt() : ""),
        "warmup=" + (warmup.isPresent() ? warmup.getAsInt() : ""));
  }

  static BenchPlan parse(List<String> words) {
    Map<String, String> values = new HashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      values.put(word.substring(0, equals), word.substring(equals + 1));
    }
    return new BenchPlan(
        Integer.parseInt(values.get("ranks")),
        Arrays.stream(values.get("sizes").split(",")).map(Long::valueOf).toList(),
        Optional.of(values.get("algorithm"))
            .filter(name -> !name.isEmpty())
            .map(AllReduceAlgorithm::valueOf),
        BenchTransport.valueOf(values.get("transport")),
        number(values.get("iterations")),
        number(values.get("warmup")));
  }

  private static OptionalInt number(String text) {
    return text.isEmpty() ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(text));
  }
}
