package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * What the rank processes of the tests do: rank 0 prints {@code ID} and the rest read it from their
 * standard input; then all reduce for ever, print {@code RUNNING} once, and {@code FAILED} at the
 * end. A line on standard input then aborts.
 */
final class NcclRankMain {
  private NcclRankMain() {}

  /**
   * @param args folder of the stand-ins or nothing, rank, world size, device, deadline in ms
   */
  public static void main(String[] args) throws IOException {
    load(args[0]);
    int rank = Integer.parseInt(args[1]);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    AbortSwitch abort = new AbortSwitch();
    try {
      NcclUniqueId id = id(rank, in);
      watch(in, abort);
      NcclConfig config =
          NcclGroups.config(
              rank,
              Integer.parseInt(args[2]),
              Integer.parseInt(args[3]),
              id,
              Duration.ofMillis(Long.parseLong(args[4])));
      try (ProcessGroup group = NcclProcessGroup.join(config, abort, Optional.empty())) {
        reduceForEver(group);
      }
    } catch (CollectiveException e) {
      System.out.println("FAILED " + e.reason() + " " + e.getMessage());
      System.exit(3);
    } catch (NcclUnavailableException e) {
      System.out.println("UNAVAILABLE " + e.reason() + " " + e.getMessage());
      System.exit(4);
    }
  }

  /** Loads the stand-ins, from a folder or, where that is empty, not at all. */
  static void load(String folder) {
    if (!folder.isEmpty()) {
      for (String library : List.of("libcuda.so.1", "libcudart.so.13", "libnccl.so.2")) {
        System.load(Path.of(folder).resolve(library).toString());
      }
    }
  }

  private static NcclUniqueId id(int rank, BufferedReader in) throws IOException {
    if (rank > 0) {
      return new NcclUniqueId(HexFormat.of().parseHex(in.readLine()));
    }
    NcclUniqueId id = NcclUniqueId.create();
    System.out.println("ID " + HexFormat.of().formatHex(id.bytes()));
    return id;
  }

  private static void watch(BufferedReader in, AbortSwitch abort) {
    Thread watch =
        new Thread(
            () -> {
              try {
                String line = in.readLine();
                abort.abort(line == null ? "the test is gone" : line);
              } catch (IOException e) {
                abort.abort(e.getMessage());
              }
            },
            "abort-on-a-line");
    watch.setDaemon(true);
    watch.start();
  }

  private static void reduceForEver(ProcessGroup group) {
    TensorBuffer buffer = group.allocate(NcclGroups.device(group), DType.FLOAT32, 1 << 20);
    for (long i = 0; ; i++) {
      group.label("bucket 1 of 1");
      long start = System.nanoTime();
      try {
        group.allReduce(buffer, ReduceOp.SUM).await();
      } finally {
        if (i == 0) {
          System.out.println(
              "RUNNING after " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        }
      }
    }
  }
}
