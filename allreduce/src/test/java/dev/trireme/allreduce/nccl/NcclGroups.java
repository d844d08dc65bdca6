package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.inprocess.RankGroups;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntFunction;

/** The NCCL groups of all ranks of a formation in one JVM, rank r on device r of the stand-ins. */
final class NcclGroups implements RankGroups {
  static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final long GENERATION = 7;

  /** How many there are; on a machine with a GPU ranks may have to share. */
  private static final int DEVICES = Integer.getInteger("trireme.test.devices", Integer.MAX_VALUE);

  private final ExecutorService threads;
  private final InProcessGroups companions;
  private final List<NcclProcessGroup> groups;

  private NcclGroups(int worldSize, Duration timeout, Duration keep) {
    Standins.load();
    threads = Executors.newFixedThreadPool(worldSize, task -> new Thread(task, "nccl-test-rank"));
    companions = InProcessGroups.create(worldSize, timeout, Optional.empty());
    NcclUniqueId id = NcclUniqueId.create();
    groups =
        onRanks(
            worldSize,
            rank ->
                NcclProcessGroup.join(
                    keeping(config(rank, worldSize, rank, id, timeout), keep),
                    new AbortSwitch(),
                    Optional.of(companions.group(rank))));
  }

  static NcclGroups create(int worldSize) {
    return new NcclGroups(worldSize, TIMEOUT, Duration.ZERO);
  }

  static NcclGroups create(int worldSize, Duration timeout) {
    return new NcclGroups(worldSize, timeout, Duration.ZERO);
  }

  /** Groups that keep what an abort leaves of them. */
  static NcclGroups createKeeping(int worldSize, Duration keep) {
    return new NcclGroups(worldSize, TIMEOUT, keep);
  }

  private static NcclConfig keeping(NcclConfig config, Duration keep) {
    return new NcclConfig(
        config.rank(),
        config.worldSize(),
        config.generation(),
        config.device(),
        config.uniqueId(),
        config.timeout(),
        keep,
        false);
  }

  static NcclConfig config(int rank, int worldSize, int device, NcclUniqueId id, Duration timeout) {
    return new NcclConfig(
        rank, worldSize, GENERATION, new Device(Device.Kind.CUDA, device), id, timeout);
  }

  @Override
  public NcclProcessGroup group(int rank) {
    return groups.get(rank);
  }

  static Device device(ProcessGroup group) {
    return new Device(Device.Kind.CUDA, device(group.rank()));
  }

  /** The number of a rank's device. */
  static int device(int rank) {
    return rank % DEVICES;
  }

  /** Memory of the rank's device. */
  static TensorBuffer onDevice(ProcessGroup group, DType dtype, long count) {
    TensorBuffer buffer = group.allocate(device(group), dtype, count);
    new CudaMemory(device(group)).synchronize(device(group));
    return buffer;
  }

  @Override
  public <T> List<T> onEveryRank(InProcessGroups.RankTask<T> task) {
    return onRanks(
        groups.size(),
        rank -> {
          try {
            return task.run(groups.get(rank));
          } catch (RuntimeException e) {
            throw e;
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }

  private <T> List<T> onRanks(int worldSize, IntFunction<T> task) {
    List<Future<T>> futures = new ArrayList<>();
    for (int rank = 0; rank < worldSize; rank++) {
      int mine = rank;
      Callable<T> call = () -> task.apply(mine);
      futures.add(threads.submit(call));
    }
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      try {
        results.add(future.get(2, TimeUnit.MINUTES));
      } catch (ExecutionException e) {
        if (e.getCause() instanceof RuntimeException cause) {
          throw cause;
        }
        throw new AssertionError(e.getCause());
      } catch (TimeoutException e) {
        throw new AssertionError("a rank did not come back", e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted", e);
      }
    }
    return results;
  }

  @Override
  public void close() {
    onRanks(
        groups.size(),
        rank -> {
          groups.get(rank).close();
          return null;
        });
    companions.close();
    threads.shutdownNow();
  }
}
