package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Directory.Holding;
import dev.trireme.ps.plan.Directory.Place;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.plan.ShardPlan.Size;
import dev.trireme.ps.shard.Wire;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.CRC32;

/**
 * How workers and servers of a new formation come to know the same: the plan, what every server
 * still holds, and from it where each shard is. All make the same decision from the same numbers,
 * by collectives of the whole group, in lockstep:
 *
 * <ol>
 *   <li>rank 0 gives all the sizes of the parameters, each server tells for how many servers it has
 *       cut them before; all cut the same shards, as before where there was a before, so that
 *       servers can come and go, and allocate a slab;
 *   <li>each server tells all what it holds, how far that has come, and where it began; each
 *       worker, after which step it wants to go on, and with which batch;
 *   <li>where every shard has a copy, {@link Directory#decide} says who goes on with it; else rank
 *       0 gives the workers' state to all, if that is whole, and the shards begin with that.
 * </ol>
 *
 * <p>Threading: one thread. Blocking: each step, with the group's deadline.
 */
final class Gathering {
  /** A {@link Progress}, in three numbers, and the settings. */
  private static final int HEAD = 4;

  private final ProcessGroup group;
  private final int workers;
  private final ConsistencySpec consistency;
  private final Wire wire;
  private final boolean synchronous;
  private final long settings;
  private final int cutFor;
  private final ShardPlan plan;
  private final TensorBuffer slab;
  private final TensorBuffer heads;
  private final boolean allSeeAll;
  private final int perShard;
  private final int rowLength;

  /**
   * What a formation begins with.
   *
   * @param anchor where the servers got their state: see {@link Batches}
   */
  record Outcome(
      Directory directory, boolean fresh, List<Long> resume, List<Row> rows, Progress anchor) {}

  /**
   * What a server holds of a shard.
   *
   * @param role 0 nothing, 1 primary, 2 backup
   * @param clocks see {@link dev.trireme.ps.shard.Clocks#clock}, by worker
   * @param pushes see {@link dev.trireme.ps.shard.Clocks#lastPush}, by worker
   */
  record Row(int role, long progress, long applied, List<Long> clocks, List<Long> pushes) {}

  private Gathering(ProcessGroup group, int workers, JobSpec job, List<Size> sizes, int cutFor) {
    this.group = group;
    this.workers = workers;
    ParameterServerSpec spec = job.parallel().parameterServer().orElseThrow();
    this.consistency = spec.consistency();
    this.wire = Wire.of(job.parallel().compression());
    this.synchronous = spec.consistency() instanceof ConsistencySpec.Bsp;
    this.settings = settings(job, spec);
    int before = agreedCut(group, cutFor);
    this.cutFor = before > 0 ? before : group.worldSize() - workers;
    this.plan = ShardPlan.of(sizes, this.cutFor);
    this.slab = group.allocate(DType.FLOAT32, plan.elements());
    this.heads = group.allocate(DType.UINT8, GroupPost.headBytes(group.worldSize()));
    this.allSeeAll = least(group, seesAll(group, slab) ? 1 : 0) == 1;
    this.perShard = 3 + 2 * workers;
    this.rowLength = HEAD + perShard * plan.shards().size();
  }

  /**
   * The first part, on a worker.
   *
   * @param sizes of each parameter; those of rank 0 hold
   */
  static Gathering ofWorker(ProcessGroup group, int workers, JobSpec job, List<Size> sizes) {
    return new Gathering(group, workers, job, layout(group, sizes), 0);
  }

  /**
   * The first part, on a server.
   *
   * @param cutFor the number of servers for which the shards that it holds were cut; 0 for none
   */
  static Gathering ofServer(ProcessGroup group, int workers, JobSpec job, int cutFor) {
    return new Gathering(group, workers, job, layout(group, List.of()), cutFor);
  }

  /**
   * All servers that hold any hold shards of one cut; where none does it is for those there are.
   */
  private static int agreedCut(ProcessGroup group, int mine) {
    int world = group.worldSize();
    try (NativeMemory.Block in = NativeMemory.allocate(8, 64);
        NativeMemory.Block out = NativeMemory.allocate(8L * world, 64)) {
      NativeMemory.view(in.address(), 8).putLong(0, mine == 0 ? -1 : mine);
      group.allGather(in.buffer(DType.INT64, 1), out.buffer(DType.INT64, world)).await();
      LongBuffer all = NativeMemory.view(out.address(), 8 * world).asLongBuffer();
      long cut = -1;
      for (int rank = 0; rank < world; rank++) {
        cut = Math.max(cut, all.get(rank));
      }
      return Math.toIntExact(cut);
    }
  }

  private static boolean seesAll(ProcessGroup group, TensorBuffer own) {
    return IntStream.range(0, group.worldSize())
        .filter(rank -> rank != group.rank())
        .allMatch(rank -> group.shownBy(rank, own).isPresent());
  }

  private static long least(ProcessGroup group, long mine) {
    try (NativeMemory.Block block = NativeMemory.allocate(8, 64)) {
      LongBuffer view =
          NativeMemory.view(block.address(), 8).order(ByteOrder.nativeOrder()).asLongBuffer();
      view.put(0, mine);
      group.allReduce(block.buffer(DType.INT64, 1), ReduceOp.MIN).await();
      return view.get(0);
    }
  }

  /** A number that differs, as a rule, where what workers and servers must agree on does. */
  private static long settings(JobSpec job, ParameterServerSpec spec) {
    CRC32 sum = new CRC32();
    String words =
        List.of(
                spec.backups(),
                spec.consistency(),
                spec.sparse(),
                job.parallel().compression(),
                job.train().optimizer(),
                job.data().batchSize())
            .toString();
    sum.update(words.getBytes(StandardCharsets.UTF_8));
    return sum.getValue();
  }

  private static List<Size> layout(ProcessGroup group, List<Size> sizes) {
    long[] size = {sizes.size()};
    broadcast(group, size);
    if (size[0] < 1 || size[0] > 1 << 20) {
      throw new IllegalStateException("expected 1 to 2^20 parameters, rank 0 has " + size[0]);
    }
    int count = (int) size[0];
    long[] all = new long[2 * count];
    for (int i = 0; i < Math.min(count, sizes.size()); i++) {
      all[i] = sizes.get(i).count();
      all[count + i] = sizes.get(i).width();
    }
    broadcast(group, all);
    return IntStream.range(0, count)
        .mapToObj(i -> new Size(all[i], Math.toIntExact(all[count + i])))
        .toList();
  }

  private static void broadcast(ProcessGroup group, long[] values) {
    try (NativeMemory.Block block = NativeMemory.allocate(8L * values.length, 64)) {
      LongBuffer view = NativeMemory.view(block.address(), 8 * values.length).asLongBuffer();
      view.put(0, values);
      group.broadcast(block.buffer(DType.INT64, values.length), 0).await();
      view.get(0, values);
    }
  }

  ShardPlan plan() {
    return plan;
  }

  /** The number of servers for which the plan was cut. */
  int cutFor() {
    return cutFor;
  }

  /** A slab that peers of this host can read in place. */
  TensorBuffer slab() {
    return slab;
  }

  /**
   * Whether steps go as {@link WholeSteps}, the same on all ranks. Who sees whose memory is decided
   * pair by pair, so that a worker on the server's host must ask for the others, too.
   */
  boolean wholeSteps(Outcome outcome) {
    return allSeeAll && WholeSteps.isFor(outcome.directory(), plan, consistency, wire);
  }

  /** The rank's messages to and from the others. */
  GroupPost post() {
    return new GroupPost(group, heads, plan.shards().size(), workers, plan.largestMessage());
  }

  /** A worker's second part: all learn of each other. */
  Outcome meet(Progress progress, int backups) {
    return decide(gather(head(progress)), backups);
  }

  private long[] head(Progress progress) {
    long[] row = new long[rowLength];
    row[0] = progress.step();
    row[1] = settings;
    row[2] = progress.cursor().epoch();
    row[3] = progress.cursor().position();
    return row;
  }

  private Progress progress(long[] all, int rank) {
    int at = rank * rowLength;
    return new Progress(all[at], new Cursor(Math.toIntExact(all[at + 2]), all[at + 3]));
  }

  /**
   * A server's second part.
   *
   * @param anchor of what it holds
   */
  Outcome meet(ShardStore store, Progress anchor, int backups) {
    long[] mine = head(anchor);
    for (Holding holding : store.holdings(0)) {
      int at = HEAD + perShard * holding.shard();
      mine[at] = holding.primary() ? 1 : 2;
      mine[at + 1] = holding.progress();
      long[] state = store.copy(holding.shard()).orElseThrow().clocks().state();
      mine[at + 2] = state[workers];
      System.arraycopy(state, 0, mine, at + 3, workers);
      System.arraycopy(state, workers + 1, mine, at + 3 + workers, workers);
    }
    return decide(gather(mine), backups);
  }

  private long[] gather(long[] mine) {
    int world = group.worldSize();
    try (NativeMemory.Block in = NativeMemory.allocate(8L * rowLength, 64);
        NativeMemory.Block out = NativeMemory.allocate(8L * rowLength * world, 64)) {
      NativeMemory.view(in.address(), 8 * rowLength).asLongBuffer().put(0, mine);
      group
          .allGather(
              in.buffer(DType.INT64, rowLength), out.buffer(DType.INT64, (long) rowLength * world))
          .await();
      long[] all = new long[rowLength * world];
      NativeMemory.view(out.address(), 8 * all.length).asLongBuffer().get(0, all);
      return all;
    }
  }

  private void requireSameSettings(long[] all) {
    for (int rank = 0; rank < group.worldSize(); rank++) {
      if (all[rank * rowLength + 1] != settings) {
        throw new CollectiveException(
            CollectiveException.Cause.MISMATCH,
            rank,
            "rank "
                + rank
                + " was given other settings of the parameter server than rank "
                + group.rank()
                + " (parallel.parameterServer, compression, optimizer or batch size); give all ranks"
                + " one job");
      }
    }
  }

  private Outcome decide(long[] all, int backups) {
    requireSameSettings(all);
    int servers = group.worldSize() - workers;
    int shards = plan.shards().size();
    List<Holding> holdings = new ArrayList<>();
    List<Row> rows = new ArrayList<>();
    for (int server = 0; server < servers; server++) {
      for (int shard = 0; shard < shards; shard++) {
        int at = (workers + server) * rowLength + HEAD + perShard * shard;
        List<Long> clocks = new ArrayList<>();
        List<Long> pushes = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
          clocks.add(all[at + 3 + worker]);
          pushes.add(all[at + 3 + workers + worker]);
        }
        Row row = new Row((int) all[at], all[at + 1], all[at + 2], clocks, pushes);
        rows.add(row);
        if (row.role() != 0) {
          holdings.add(new Holding(server, shard, row.progress(), row.role() == 1));
        }
      }
    }
    List<Integer> numbers = IntStream.range(0, servers).boxed().toList();
    if (Directory.isWhole(shards, holdings)) {
      Directory directory =
          Directory.decide(group.generation(), shards, numbers, backups, holdings);
      List<Long> resume = resume(directory, rows, all[0]);
      if (!synchronous || resume.get(0) >= all[0]) {
        Progress anchor = progress(all, workers + directory.places().get(0).primary());
        return new Outcome(directory, false, resume, rows, anchor);
      }
    }
    Directory directory = Directory.decide(group.generation(), shards, numbers, backups, List.of());
    return new Outcome(directory, true, List.of(), rows, progress(all, 0));
  }

  /**
   * After which step each worker goes on. Under bsp that is where the workers are, for they repeat
   * the step in which the old formation broke, and the shards that have it already leave it at
   * that; or where the servers are when no worker is left that was there. Under ssp and asp each
   * worker goes on after its own last step that all shards hold.
   */
  private List<Long> resume(Directory directory, List<Row> rows, long workersAt) {
    List<Long> resume = new ArrayList<>();
    for (int worker = 0; worker < workers; worker++) {
      long least = Long.MAX_VALUE;
      for (int shard = 0; shard < plan.shards().size(); shard++) {
        Row row = row(rows, directory.places().get(shard).primary(), shard);
        least = Math.min(least, synchronous ? row.applied() : row.pushes().get(worker));
      }
      resume.add(synchronous && least == workersAt + 1 ? workersAt : least);
    }
    return resume;
  }

  /**
   * Up to which step there is nothing more to come of each worker, on any shard: steps in which it
   * has no part count with the push before them. Under bsp as {@link Outcome#resume}.
   */
  List<Long> clocks(Outcome outcome) {
    if (synchronous) {
      return outcome.resume();
    }
    List<Long> clocks = new ArrayList<>();
    for (int worker = 0; worker < workers; worker++) {
      long least = Long.MAX_VALUE;
      for (int shard = 0; shard < plan.shards().size(); shard++) {
        Row row = row(outcome.rows(), outcome.directory().places().get(shard).primary(), shard);
        least = Math.min(least, row.clocks().get(worker));
      }
      clocks.add(least);
    }
    return clocks;
  }

  private Row row(List<Row> rows, int server, int shard) {
    return rows.get(server * plan.shards().size() + shard);
  }

  /** Whether a shard's backup holds exactly what its primary does. */
  private boolean alike(Outcome outcome, int shard) {
    Place place = outcome.directory().places().get(shard);
    Row primary = row(outcome.rows(), place.primary(), shard);
    Row backup = row(outcome.rows(), place.backup().orElseThrow(), shard);
    return backup.role() != 0
        && backup.applied() == primary.applied()
        && backup.clocks().equals(primary.clocks());
  }

  /**
   * Whether two copies of a shard may differ though both have taken in the same pushes: that of the
   * first shard may hold parts of batches (see PortionDesk) that its primary had told it to fix,
   * and had not fixed itself, when the formation broke.
   */
  static boolean mayDiffer(ConsistencySpec consistency, int shard) {
    return shard == 0 && !(consistency instanceof ConsistencySpec.Bsp);
  }

  /** The shards whose backups must be made from their primaries, in the order of the copies. */
  List<Integer> toCopy(Outcome outcome) {
    return IntStream.range(0, plan.shards().size())
        .filter(s -> outcome.directory().places().get(s).backup().isPresent())
        .filter(s -> mayDiffer(consistency, s) || !alike(outcome, s))
        .boxed()
        .toList();
  }
}
